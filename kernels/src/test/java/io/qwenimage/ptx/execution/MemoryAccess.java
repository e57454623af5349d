package io.qwenimage.ptx.execution;

import io.qwenimage.ptx.inspection.FindingKind;
import io.qwenimage.ptx.memory.AddressMap;
import io.qwenimage.ptx.memory.MemoryRegion;
import io.qwenimage.ptx.memory.Space;
import java.util.Arrays;
import io.qwenimage.ptx.tensor.AsynchronousUse;

/**
 * One warp's way to memory: finds the region in which an access lies, inspects the access, and says where in the region
 * it is. After {@link #read} or {@link #write} has answered true, {@link #region} and {@link #index} tell the place.
 */
public final class MemoryAccess {
    private final Warp warp;
    private MemoryRegion region;
    private int index;
    private Block sharedOwner;
    private String race;
    private byte[] before;
    private MemoryRegion lastGlobal;
    private final long[] addresses = new long[Warp.LANES];
    private final RequestCounting counting = new RequestCounting();

    MemoryAccess(final Warp warp) {
        this.warp = warp;
        this.lastGlobal = new MemoryRegion("nothing", 0, 0);
    }

    /** An array of 32 for the addresses of a request; its content lasts until the next request. */
    public long[] addresses() {
        return addresses;
    }

    /** Counts a request of the instruction that is being executed. */
    public void countRequest(final Space space, final long[] of, final int mask, final int width) {
        counting.count(warp.counters(), warp.instruction().id, space, of, mask, width);
    }

    /** Counts the passes through shared memory of a request that is counted otherwise. */
    public void countWavefronts(final long[] of, final int mask, final int width) {
        counting.countWavefronts(warp.counters(), warp.instruction().id, of, mask, width);
    }

    public MemoryRegion region() {
        return region;
    }

    public int index() {
        return index;
    }

    /** Inspects a read and finds its place; false, after a finding, when there is nothing to read. */
    public boolean read(final Space space, final long address, final int width, final int lane, final boolean strong) {
        if (!locate(space, address, width, lane)) {
            return false;
        }
        if (!region.isWritten(index, width)) {
            reportUnwritten(width, lane, address);
        }
        if (sharedOwner != null && sharedOwner.races() != null) {
            noteRace(sharedOwner.races().read(warp, lane, index, width, strong), lane);
        }
        return true;
    }

    /**
     * Inspects a read of the first bytes of an aligned piece of global memory; false, after a finding, when it must not
     * be.
     */
    boolean readPart(final long address, final int alignment, final int count, final int lane) {
        if ((address & alignment - 1) != 0) {
            warp.report(FindingKind.MISALIGNED, lane,
                "address 0x" + Long.toHexString(address) + " is not a multiple of " + alignment);
            return false;
        }
        sharedOwner = null;
        if (!locateGlobal(address, count, lane)) {
            return false;
        }
        if (!region.isWritten(index, count)) {
            reportUnwritten(count, lane, address);
        }
        return true;
    }

    /** Inspects a write and finds its place, which the caller then fills; false, after a finding, when it must not. */
    public boolean write(final Space space, final long address, final int width, final int lane, final boolean strong) {
        if (!locate(space, address, width, lane)) {
            return false;
        }
        if (region.isReadOnly()) {
            warp.report(FindingKind.READ_ONLY, lane, "writes " + width + " bytes at " + describe(address));
            return false;
        }
        if (sharedOwner != null) {
            inspectAsynchronousUse(lane, width);
        }
        if (sharedOwner != null && sharedOwner.races() != null) {
            noteRace(sharedOwner.races().write(warp, lane, index, width, strong), lane);
        }
        return true;
    }

    /**
     * Like {@link #write}, but a race is reported only by {@link #endStore}, and only when the store has changed what
     * it raced for: several threads may store the same value.
     */
    public boolean beginStore(final Space space, final long address, final int width, final int lane,
                              final boolean strong) {
        if (!locate(space, address, width, lane)) {
            return false;
        }
        if (region.isReadOnly()) {
            warp.report(FindingKind.READ_ONLY, lane, "writes " + width + " bytes at " + describe(address));
            return false;
        }
        if (sharedOwner != null) {
            inspectAsynchronousUse(lane, width);
        }
        if (sharedOwner != null && sharedOwner.races() != null) {
            race = sharedOwner.races().write(warp, lane, index, width, strong);
            before = race == null ? null : Arrays.copyOfRange(region.bytes(), index, index + width);
        }
        return true;
    }

    /** To be called after the bytes of a store have been put. */
    public void endStore(final int width, final int lane) {
        if (race != null) {
            if (!Arrays.equals(before, 0, width, region.bytes(), index, index + width)) {
                warp.report(FindingKind.RACE, lane, race);
            }
            race = null;
        }
    }

    /** Inspects an atomic update and finds its place; false, after a finding, when it must not happen. */
    public boolean update(final Space space, final long address, final int width, final int lane, final boolean reads) {
        if (!write(space, address, width, lane, true)) {
            return false;
        }
        if (reads && !region.isWritten(index, width)) {
            reportUnwritten(width, lane, address);
        }
        return true;
    }

    /**
     * Finds the place of an access without noting it; false, after a finding, when it is misaligned or out of bounds.
     * Widths that are no powers of two are taken as bytes.
     */
    public boolean locate(final Space space, final long address, final int width, final int lane) {
        if ((address & width - 1) != 0 && Integer.bitCount(width) == 1) {
            warp.report(FindingKind.MISALIGNED, lane,
                "address 0x" + Long.toHexString(address) + " is not a multiple of " + width);
            return false;
        }
        Space in = space;
        long local = address;
        if (space == Space.GENERIC) {
            in = AddressMap.spaceOf(address);
            local = address - AddressMap.windowOf(in);
        }
        sharedOwner = null;
        return switch (in) {
            case GLOBAL, CONSTANT, GENERIC -> locateGlobal(local, width, lane);
            case SHARED -> locateShared(local, width, lane);
            case LOCAL -> locateLocal(local, width, lane);
            case PARAMETER -> place(warp.launch().parameters(), local, width, lane);
        };
    }

    /** The block whose shared memory the last located access lies in, or null. */
    public Block sharedOwner() {
        return sharedOwner;
    }

    private boolean locateGlobal(final long address, final int width, final int lane) {
        MemoryRegion found = lastGlobal;
        if (!found.contains(address, width) || found.isFreed()) {
            found = warp.launch().memory().find(address);
            if (found == null || !found.contains(address, width)) {
                reportStray(address, width, lane, found);
                return false;
            }
            lastGlobal = found;
        }
        region = found;
        index = (int) (address - found.base());
        return true;
    }

    private boolean locateShared(final long address, final int width, final int lane) {
        final int rank = (int) (address >>> AddressMap.RANK_SHIFT) - 1;
        Block owner = warp.block();
        if (rank >= 0) {
            if (rank >= owner.cluster().blocks().size()) {
                warp.report(FindingKind.OUT_OF_BOUNDS, lane, "shared address 0x" + Long.toHexString(address)
                    + " names block " + rank + " of a cluster of " + owner.cluster().blocks().size());
                return false;
            }
            owner = owner.cluster().blocks().get(rank);
        }
        sharedOwner = owner;
        return place(owner.shared(), address & (1L << AddressMap.RANK_SHIFT) - 1, width, lane);
    }

    private boolean locateLocal(final long address, final int width, final int lane) {
        final int bytes = warp.launch().kernel().localBytes();
        if (address < 0 || address > bytes - width) {
            warp.report(FindingKind.OUT_OF_BOUNDS, lane, width + " bytes at local address 0x"
                + Long.toHexString(address) + " of " + bytes);
            return false;
        }
        region = warp.localMemory();
        index = (int) (lane * (long) bytes + address);
        return true;
    }

    private boolean place(final MemoryRegion target, final long address, final int width, final int lane) {
        if (!target.contains(address, width)) {
            warp.report(FindingKind.OUT_OF_BOUNDS, lane, width + " bytes at offset " + (address - target.base())
                + " of " + target.name() + ", which has " + target.size() + " bytes");
            return false;
        }
        region = target;
        index = (int) (address - target.base());
        return true;
    }

    private void reportStray(final long address, final int width, final int lane, final MemoryRegion near) {
        if (warp.launch().memory().isFreed(address)) {
            warp.report(FindingKind.USE_AFTER_FREE, lane,
                width + " bytes at address 0x" + Long.toHexString(address) + ", which has been freed");
            return;
        }
        final MemoryRegion neighbour = near != null ? near : warp.launch().memory().nearest(address);
        warp.report(FindingKind.OUT_OF_BOUNDS, lane, width + " bytes at address 0x" + Long.toHexString(address)
            + (neighbour == null ? ": nothing is allocated" : ", byte " + (address - neighbour.base()) + " of "
            + neighbour.name() + ", which has " + neighbour.size() + " bytes"));
    }

    private void reportUnwritten(final int width, final int lane, final long address) {
        if (sharedOwner != null) {
            final AsynchronousUse use = sharedOwner.asynchronousUse();
            final String unfinished = use == null ? null : use.faultOfRead(index, width);
            if (unfinished != null) {
                warp.report(FindingKind.ASYNC_COPY_IN_FLIGHT, lane, unfinished);
                return;
            }
            final InFlightCopies.Range copy = sharedOwner.inFlight().overlapping(index, width);
            if (copy != null) {
                warp.report(FindingKind.ASYNC_COPY_IN_FLIGHT, lane, "reads byte " + index
                    + " of shared memory, which " + copy.description() + " has not finished writing");
                return;
            }
        }
        warp.report(FindingKind.UNINITIALISED_MEMORY, lane, "reads " + width + " bytes at " + describe(address));
    }

    private void inspectAsynchronousUse(final int lane, final int width) {
        final AsynchronousUse use = sharedOwner.asynchronousUse();
        final String fault = use == null ? null : use.faultOfWrite(index, width);
        if (fault != null) {
            warp.report(FindingKind.ASYNC_COPY_IN_FLIGHT, lane, fault);
        }
    }

    private String describe(final long address) {
        return "byte " + index + " of " + region.name() + " (address 0x" + Long.toHexString(address) + ")";
    }

    private void noteRace(final String race, final int lane) {
        if (race != null) {
            warp.report(FindingKind.RACE, lane, race);
        }
    }
}
