package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.counting.InstructionClass;
import io.qwenimage.ptx.execution.MemoryAccess;
import io.qwenimage.ptx.execution.MemoryOrder;
import io.qwenimage.ptx.execution.Warp;
import io.qwenimage.ptx.memory.MemoryRegion;
import io.qwenimage.ptx.memory.Space;
import io.qwenimage.ptx.text.PtxOperand;
import io.qwenimage.ptx.text.PtxType;
import java.util.List;

/** Atomic updates of memory: {@code atom red}, of single values, packed halves and vectors. */
final class AtomicInstructions {
    private static final Object[] LOCKS = locks();

    private AtomicInstructions() {
    }

    static void register(final InstructionRegistry registry) {
        registry.add("atom", source -> update(source, true));
        registry.add("red", source -> update(source, false));
    }

    private static Operation update(final InstructionSource source, final boolean returns) {
        source.classify(InstructionClass.ATOMIC);
        final Modifiers modifiers = source.modifiers();
        final String order = modifiers.takeAny("relaxed", "acquire", "release", "acq_rel");
        final boolean acquires = "acquire".equals(order) || "acq_rel".equals(order);
        final boolean releases = "release".equals(order) || "acq_rel".equals(order);
        modifiers.ignore("cta", "cluster", "gpu", "sys", "noftz");
        final String place = modifiers.takeAny("global", "shared", "shared::cta", "shared::cluster");
        final Space space = place == null ? Space.GENERIC : place.equals("global") ? Space.GLOBAL : Space.SHARED;
        final String name = modifiers.takeAny("and", "or", "xor", "cas", "exch", "add", "inc", "dec", "min", "max");
        if (name == null) {
            throw source.unsupported("the operation is missing");
        }
        final int vector = modifiers.take("v2") ? 2 : modifiers.take("v4") ? 4 : modifiers.take("v8") ? 8 : 1;
        final boolean hint = modifiers.take("L2::cache_hint");
        final PtxType type = source.type();
        final boolean compares = name.equals("cas");
        final int first = returns ? 1 : 0;
        final int operands = first + (compares ? 3 : 2);
        source.requireOperands(operands, operands + (hint ? 1 : 0));
        final AddressOperand address = source.address(source.operand(first));
        if (type == PtxType.B128) {
            return new AtomicQuad(source, space, address, compares, acquires, releases);
        }
        final List<PtxOperand> values = InstructionSource.elements(source.operand(first + 1));
        final List<PtxOperand> results = returns ? InstructionSource.elements(source.operand(0)) : List.of();
        if (values.size() != vector || returns && results.size() != vector) {
            throw source.unsupported(values.size() + " values of a vector of " + vector);
        }
        final int[] targets = new int[vector];
        final int[] sources = new int[vector];
        for (int i = 0; i < vector; i++) {
            sources[i] = source.source(values.get(i), type);
            targets[i] = !returns ? -1 : source.destination(results.get(i), type);
        }
        final int swap = compares ? source.source(source.operand(first + 2), type) : -1;
        source.accessesShared(type.bytes());
        return new Update(space, address, AtomicFunction.of(source, name, type), type, targets, sources, swap,
            !name.equals("exch"), acquires, releases);
    }

    /** A lock for a place in memory: blocks that run on other threads of the host may update it, too. */
    static Object lock(final MemoryRegion region, final int index) {
        return LOCKS[(int) (region.base() + index >>> 3 & LOCKS.length - 1)];
    }

    private static Object[] locks() {
        final Object[] locks = new Object[256];
        for (int i = 0; i < locks.length; i++) {
            locks[i] = new Object();
        }
        return locks;
    }

    private record Update(Space space, AddressOperand address, AtomicFunction function, PtxType type, int[] targets,
                          int[] sources, int swap, boolean reads, boolean acquires,
                          boolean releases) implements Operation {
        @Override
        public void execute(final Warp warp, final int mask) {
            final MemoryAccess memory = warp.memory();
            final long[] addresses = memory.addresses();
            address.addresses(warp, addresses);
            final int width = type.bytes() * sources.length;
            memory.countRequest(space, addresses, mask, width);
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) == 0) {
                    continue;
                }
                if (!memory.update(space, addresses[lane], width, lane, reads)) {
                    spoil(warp, lane);
                    continue;
                }
                final MemoryRegion region = memory.region();
                final int index = memory.index();
                final MemoryOrder order = MemoryOrder.of(warp);
                order.reads(region, index, acquires);
                order.writes(region, index, releases);
                final boolean flushes = memory.sharedOwner() == null;
                synchronized (lock(region, index)) {
                    for (int i = 0; i < sources.length; i++) {
                        apply(warp, lane, region, index + i * type.bytes(), i, flushes);
                    }
                }
            }
        }

        private void apply(final Warp warp, final int lane, final MemoryRegion region, final int index, final int i,
                           final boolean flushes) {
            final int bits = type.bits();
            final long old = bits == 64 ? region.getLong(index) : bits == 32 ? region.getInt(index)
                : region.getShort(index) & 0xffff;
            final long value = bits == 64 ? warp.longs(sources[i])[lane] : warp.ints(sources[i])[lane];
            final long third = swap < 0 ? 0 : bits == 64 ? warp.longs(swap)[lane] : warp.ints(swap)[lane];
            final long updated = function.apply(old, value, third, flushes);
            switch (bits) {
                case 64 -> region.putLong(index, updated);
                case 32 -> region.putInt(index, (int) updated);
                default -> region.putShort(index, (short) updated);
            }
            if (targets[i] >= 0) {
                if (bits == 64) {
                    warp.longs(targets[i])[lane] = old;
                } else {
                    warp.ints(targets[i])[lane] = (int) old;
                }
            }
        }

        private void spoil(final Warp warp, final int lane) {
            for (final int target : targets) {
                if (target >= 0 && type.bits() == 64) {
                    warp.longs(target)[lane] = -1;
                } else if (target >= 0) {
                    warp.ints(target)[lane] = type.bits() == 16 ? 0xffff : -1;
                }
            }
        }
    }
}
