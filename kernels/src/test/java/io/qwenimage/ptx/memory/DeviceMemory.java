package io.qwenimage.ptx.memory;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;

/**
 * The global memory of the machine: allocations by address. Addresses are multiples of 256 and of no more, neighbours
 * are far apart, and a freed address is not given out again, so that every stray access is noticed. Safe for use by
 * several threads.
 */
public final class DeviceMemory {
    /** What an address is a multiple of when nothing else is asked for. */
    public static final int ALIGNMENT = 256;
    /** Where allocations begin when nothing else is asked for. */
    public static final long FIRST_ADDRESS = 0x7f00_0000_0000L;
    private static final long GAP = 1L << 20;
    private static final int REMEMBERED_FREES = 4096;

    private volatile Table table = new Table(new long[0], new MemoryRegion[0]);
    private final Deque<FreedRange> freed = new ArrayDeque<>();
    private long next;

    public DeviceMemory() {
        this(FIRST_ADDRESS);
    }

    /** A memory whose addresses begin elsewhere, so that those of several devices differ. */
    public DeviceMemory(final long firstAddress) {
        this.next = firstAddress;
    }

    /** Allocates bytes that count as never written; returns their address. */
    public long allocate(final long bytes) {
        return allocate(bytes, ALIGNMENT, "allocation");
    }

    /**
     * Allocates bytes that count as never written.
     *
     * @param alignment power of two of which the address is a multiple
     * @param name how messages call the allocation
     */
    public synchronized long allocate(final long bytes, final int alignment, final String name) {
        if (bytes < 0 || bytes > Integer.MAX_VALUE - 16) {
            throw new IllegalArgumentException(
                "an allocation of " + bytes + " bytes: one of at most " + (Integer.MAX_VALUE - 16) + " is possible");
        }
        final long address = reserve(bytes, alignment);
        insert(new MemoryRegion(name, address, (int) bytes));
        return address;
    }

    /** Places content that counts as written, for example a module's constants. */
    public synchronized long place(final byte[] content, final int alignment, final String name,
                                   final boolean readOnly) {
        final long address = reserve(content.length, alignment);
        insert(new MemoryRegion(name, address, content, readOnly));
        return address;
    }

    /** Frees the allocation that starts at the address; throws IllegalArgumentException when none does. */
    public synchronized void free(final long address) {
        final MemoryRegion region = table.startingAt(address);
        if (region == null) {
            throw new IllegalArgumentException(freedAt(address) != null
                ? "address 0x" + Long.toHexString(address) + " has been freed already"
                : "no allocation starts at address 0x" + Long.toHexString(address));
        }
        region.free();
        table = table.without(region);
        freed.addLast(new FreedRange(address, Math.max(1, region.size())));
        if (freed.size() > REMEMBERED_FREES) {
            freed.removeFirst();
        }
    }

    /** The allocation in which the address lies, or null. */
    public MemoryRegion find(final long address) {
        return table.find(address);
    }

    /** The allocation that starts last at or before the address, else the first one; null when there is none. */
    public MemoryRegion nearest(final long address) {
        return table.nearest(address);
    }

    /** Whether the address lies in an allocation that has been freed. */
    public boolean isFreed(final long address) {
        return freedAt(address) != null;
    }

    /** Copies to device memory; throws IllegalArgumentException where the range is not inside one allocation. */
    public void write(final long address, final byte[] source, final int offset, final int length) {
        if (length == 0) {
            return;
        }
        final MemoryRegion region = range(address, length);
        final int index = (int) (address - region.base());
        System.arraycopy(source, offset, region.bytes(), index, length);
        region.markWritten(index, length);
    }

    /** Copies from device memory; bytes never written come as 0xFF. */
    public void read(final long address, final byte[] target, final int offset, final int length) {
        if (length == 0) {
            return;
        }
        final MemoryRegion region = range(address, length);
        System.arraycopy(region.bytes(), (int) (address - region.base()), target, offset, length);
    }

    /** As {@link #read}, with what the bytes held before {@link MemoryRegion#spill spills}. */
    public void readWithoutSpills(final long address, final byte[] target, final int offset, final int length) {
        if (length > 0) {
            final MemoryRegion region = range(address, length);
            System.arraycopy(region.withoutSpills(), (int) (address - region.base()), target, offset, length);
        }
    }

    /** The allocation that holds all of a range; throws IllegalArgumentException when there is none. */
    public MemoryRegion range(final long address, final long length) {
        final MemoryRegion region = find(address);
        if (region == null || address - region.base() + length > region.size()) {
            throw new IllegalArgumentException(length + " bytes at address 0x" + Long.toHexString(address)
                + (isFreed(address) ? " lie in memory that has been freed" : " are not inside one allocation"));
        }
        return region;
    }

    private long reserve(final long bytes, final int alignment) {
        final long step = Math.max(alignment, ALIGNMENT);
        long address = (next + step - 1) / step * step;
        if ((address & step) == 0) {
            address += step;
        }
        next = address + bytes + GAP;
        return address;
    }

    private void insert(final MemoryRegion region) {
        table = table.with(region);
    }

    private synchronized FreedRange freedAt(final long address) {
        for (final FreedRange range : freed) {
            if (address >= range.base() && address - range.base() < range.size()) {
                return range;
            }
        }
        return null;
    }

    private record FreedRange(long base, long size) {
    }

    /** The allocations sorted by address; never changed, only replaced. Addresses only grow, so new ones go last. */
    private record Table(long[] bases, MemoryRegion[] regions) {
        MemoryRegion find(final long address) {
            int low = Arrays.binarySearch(bases, address);
            if (low < 0) {
                low = -low - 2;
            }
            return low >= 0 && regions[low].contains(address, 1) ? regions[low] : null;
        }

        MemoryRegion nearest(final long address) {
            if (regions.length == 0) {
                return null;
            }
            final int at = Arrays.binarySearch(bases, address);
            return regions[Math.max(0, at >= 0 ? at : -at - 2)];
        }

        MemoryRegion startingAt(final long address) {
            final int at = Arrays.binarySearch(bases, address);
            return at >= 0 ? regions[at] : null;
        }

        Table with(final MemoryRegion region) {
            final long[] newBases = Arrays.copyOf(bases, bases.length + 1);
            final MemoryRegion[] newRegions = Arrays.copyOf(regions, regions.length + 1);
            newBases[bases.length] = region.base();
            newRegions[regions.length] = region;
            return new Table(newBases, newRegions);
        }

        Table without(final MemoryRegion region) {
            final int at = Arrays.binarySearch(bases, region.base());
            final long[] newBases = new long[bases.length - 1];
            final MemoryRegion[] newRegions = new MemoryRegion[bases.length - 1];
            System.arraycopy(bases, 0, newBases, 0, at);
            System.arraycopy(bases, at + 1, newBases, at, newBases.length - at);
            System.arraycopy(regions, 0, newRegions, 0, at);
            System.arraycopy(regions, at + 1, newRegions, at, newRegions.length - at);
            return new Table(newBases, newRegions);
        }
    }
}
