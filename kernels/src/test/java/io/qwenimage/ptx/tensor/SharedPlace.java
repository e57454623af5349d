package io.qwenimage.ptx.tensor;

import io.qwenimage.ptx.execution.Block;
import io.qwenimage.ptx.execution.Warp;
import io.qwenimage.ptx.inspection.AccessOrder;
import io.qwenimage.ptx.inspection.FindingKind;
import io.qwenimage.ptx.instruction.DecodedInstruction;
import io.qwenimage.ptx.memory.Space;

/**
 * A place in the shared memory of a block of the cluster.
 *
 * @param block whose memory it is
 * @param offset from the start of that memory
 */
record SharedPlace(Block block, int offset) {

    /** Finds the place of an access; null, after a finding, when it is misaligned or outside. */
    static SharedPlace find(final Warp warp, final Space space, final long address, final int alignment,
        final int bytes,
                            final int lane) {
        if ((address & alignment - 1) != 0) {
            warp.report(FindingKind.MISALIGNED, lane,
                "shared address 0x" + Long.toHexString(address) + " is not a multiple of " + alignment);
            return trap(warp);
        }
        if (!warp.memory().locate(space, address, 1, lane)) {
            return trap(warp);
        }
        final Block owner = warp.memory().sharedOwner();
        if (owner == null) {
            warp.report(FindingKind.INVALID_OPERAND, lane, "address 0x" + Long.toHexString(address)
                + " is not in shared memory");
            return trap(warp);
        }
        final SharedPlace place = new SharedPlace(owner, warp.memory().index());
        return place.isInside(warp, bytes, lane) ? place : trap(warp);
    }

    /** A device ends the launch here: to go on would only end in waits for what never comes. */
    static <T> T trap(final Warp warp) {
        warp.launch().findings().stop();
        return null;
    }

    /** The same offset in another block of the cluster. */
    SharedPlace in(final Block other) {
        return new SharedPlace(other, offset);
    }

    private boolean isInside(final Warp warp, final int bytes, final int lane) {
        if (offset > block.shared().size() - bytes) {
            warp.report(FindingKind.OUT_OF_BOUNDS, lane, bytes + " bytes at offset " + offset
                + " of shared memory, which has "
                + block.shared().size() + " bytes");
            return false;
        }
        return true;
    }

    /** Inspects a range that an asynchronous operation is going to read; false after a finding. */
    static boolean inspectRead(final Warp warp, final int lane, final Block block, final int offset, final int bytes) {
        final String busy = block.useAsynchronously().faultOfRead(offset, bytes);
        if (busy != null) {
            warp.report(FindingKind.ASYNC_COPY_IN_FLIGHT, lane, busy);
            return false;
        }
        if (!block.shared().isWritten(offset, bytes)) {
            final boolean copied = block.inFlight().overlapping(offset, bytes) != null;
            warp.report(copied ? FindingKind.ASYNC_COPY_IN_FLIGHT : FindingKind.UNINITIALISED_MEMORY, lane,
                "reads bytes "
                + offset + " to " + (offset + bytes - 1) + " of shared memory, of which some "
                + (copied ? "are still being copied" : "have never been written"));
            return false;
        }
        if (block.races() == null) {
            return true;
        }
        final String race = block.races().read(warp, lane, offset, bytes, false);
        final String unfenced = race == null ? block.races().unfenced(warp, offset, bytes) : null;
        if (race != null) {
            warp.report(FindingKind.RACE, lane, race);
        } else if (unfenced != null) {
            warp.report(FindingKind.PROXY_FENCE_MISSING, lane, unfenced);
        }
        return race == null && unfenced == null;
    }

    /** Notes that a range has been read in the given order, when the operation that reads it is over. */
    static void noteRead(final AccessOrder order, final int lane, final Block block, final int offset,
        final int bytes) {
        if (block.races() != null) {
            block.races().read(order, lane, offset, bytes, false);
        }
    }

    /** Inspects a range that an asynchronous operation is going to write, and takes it away from the threads. */
    void beginWrite(final Warp warp, final int lane, final int bytes, final DecodedInstruction by) {
        final AsynchronousUse use = block.useAsynchronously();
        final String busy = use.faultOfWrite(offset, bytes);
        if (busy != null) {
            warp.report(FindingKind.ASYNC_COPY_IN_FLIGHT, lane, busy);
        } else if (block.races() != null) {
            final String race = block.races().write(warp, lane, offset, bytes, false);
            if (race != null) {
                warp.report(FindingKind.RACE, lane, race);
            }
        }
        use.write(offset, bytes, true, by);
        block.shared().poison(offset, bytes);
    }

    /** The range has its content: it belongs to those who wait for the operation. */
    void endWrite(final AccessOrder order, final int bytes, final DecodedInstruction by) {
        block.useAsynchronously().write(offset, bytes, false, by);
        if (block.races() != null) {
            block.races().write(order, 0, offset, bytes, false);
        }
    }
}
