package io.qwenimage.ptx.tensor;

import io.qwenimage.ptx.execution.Warp;
import io.qwenimage.ptx.inspection.FindingKind;
import io.qwenimage.ptx.instruction.DecodedInstruction;
import io.qwenimage.ptx.memory.DeviceMemory;
import io.qwenimage.ptx.memory.MemoryRegion;

/** Global memory as an asynchronous operation sees it: every access is inspected in the name of who issued it. */
final class GlobalWindow {
    private final Warp issuer;
    private final int lane;
    private final DecodedInstruction at;
    private MemoryRegion region = new MemoryRegion("nothing", 0, 0);
    private boolean reported;

    GlobalWindow(final Warp issuer, final int lane, final DecodedInstruction at) {
        this.issuer = issuer;
        this.lane = lane;
        this.at = at;
    }

    /** The allocation that holds a range; null, after a finding, when none does. */
    MemoryRegion find(final long address, final int bytes) {
        if (region.contains(address, bytes) && !region.isFreed()) {
            return region;
        }
        final DeviceMemory memory = issuer.launch().memory();
        final MemoryRegion found = memory.find(address);
        if (found == null || !found.contains(address, bytes)) {
            report(memory.isFreed(address) ? FindingKind.USE_AFTER_FREE : FindingKind.OUT_OF_BOUNDS, bytes
                + " bytes at global address 0x" + Long.toHexString(address) + " are not inside an allocation"
                + (found == null ? "" : ": byte " + (address - found.base()) + " of " + found.name() + ", which has "
                + found.size() + " bytes"));
            return null;
        }
        region = found;
        return found;
    }

    /** Copies a range out; leaves the target as it is after a finding. */
    void read(final long address, final byte[] target, final int offset, final int bytes) {
        final MemoryRegion from = find(address, bytes);
        if (from != null) {
            final int index = (int) (address - from.base());
            if (!from.isWritten(index, bytes)) {
                report(FindingKind.UNINITIALISED_MEMORY, "reads " + bytes + " bytes at byte " + index + " of "
                    + from.name());
            }
            System.arraycopy(from.bytes(), index, target, offset, bytes);
        }
    }

    /** Copies a range in, unless that is a fault. */
    void write(final long address, final byte[] source, final int offset, final int bytes) {
        final MemoryRegion to = find(address, bytes);
        if (to != null && to.isReadOnly()) {
            report(FindingKind.READ_ONLY, "writes " + bytes + " bytes of " + to.name());
        } else if (to != null) {
            final int index = (int) (address - to.base());
            System.arraycopy(source, offset, to.bytes(), index, bytes);
            to.markWritten(index, bytes);
        }
    }

    private void report(final FindingKind kind, final String message) {
        if (!reported) {
            issuer.report(kind, lane, message, at);
            reported = true;
        }
    }
}
