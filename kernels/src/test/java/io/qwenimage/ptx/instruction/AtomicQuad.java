package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.execution.MemoryAccess;
import io.qwenimage.ptx.execution.MemoryOrder;
import io.qwenimage.ptx.execution.Warp;
import io.qwenimage.ptx.memory.MemoryRegion;
import io.qwenimage.ptx.memory.Space;
import io.qwenimage.ptx.text.PtxType;

/** {@code atom.exch.b128} and {@code atom.cas.b128}. */
final class AtomicQuad implements Operation {
    private final Space space;
    private final AddressOperand address;
    private final boolean compares;
    private final boolean acquires;
    private final boolean releases;
    private final int target;
    private final int value;
    private final int swap;

    AtomicQuad(final InstructionSource source, final Space space, final AddressOperand address, final boolean compares,
               final boolean acquires, final boolean releases) {
        this.space = space;
        this.address = address;
        this.compares = compares;
        this.acquires = acquires;
        this.releases = releases;
        this.target = source.destination(source.operand(0), PtxType.B128);
        this.value = source.longSource(source.operand(2), PtxType.B128);
        this.swap = compares ? source.longSource(source.operand(3), PtxType.B128) : value;
    }

    @Override
    public void execute(final Warp warp, final int mask) {
        final MemoryAccess memory = warp.memory();
        final long[] addresses = memory.addresses();
        address.addresses(warp, addresses);
        memory.countRequest(space, addresses, mask, 16);
        for (int lane = 0; lane < 32; lane++) {
            if ((mask >>> lane & 1) == 0 || !memory.update(space, addresses[lane], 16, lane, compares)) {
                continue;
            }
            final MemoryRegion region = memory.region();
            final int index = memory.index();
            MemoryOrder.of(warp).reads(region, index, acquires);
            MemoryOrder.of(warp).writes(region, index, releases);
            synchronized (AtomicInstructions.lock(region, index)) {
                final long low = region.getLong(index);
                final long high = region.getLong(index + 8);
                final boolean equal = low == warp.longs(value)[lane] && high == warp.longs(value + 1)[lane];
                if (!compares || equal) {
                    region.putLong(index, warp.longs(swap)[lane]);
                    region.putLong(index + 8, warp.longs(swap + 1)[lane]);
                }
                warp.longs(target)[lane] = low;
                warp.longs(target + 1)[lane] = high;
            }
        }
    }
}
