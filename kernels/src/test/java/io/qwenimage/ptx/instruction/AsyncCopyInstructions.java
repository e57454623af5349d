package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.counting.InstructionClass;
import io.qwenimage.ptx.execution.AsyncCopies;
import io.qwenimage.ptx.memory.Space;
import io.qwenimage.ptx.text.PtxOperand;
import io.qwenimage.ptx.text.PtxType;

/** Copies from global to shared memory that happen later: {@code cp.async} with its groups. */
final class AsyncCopyInstructions {
    private AsyncCopyInstructions() {
    }

    static void register(final InstructionRegistry registry) {
        registry.add("cp.async", AsyncCopyInstructions::copy);
        registry.add("cp.async.commit_group", source -> (warp, mask) -> AsyncCopies.of(warp).commit(mask));
        registry.add("cp.async.wait_group", AsyncCopyInstructions::await);
        registry.add("cp.async.wait_all", source -> (warp, mask) -> AsyncCopies.of(warp).awaitAll(mask));
    }

    /** {@code cp.async.ca.shared.global [to], [from], 16, given, policy}: bytes beyond the given ones become zero. */
    private static Operation copy(final InstructionSource source) {
        source.classify(InstructionClass.ASYNC_COPY);
        final Modifiers modifiers = source.modifiers();
        final String cache = modifiers.takeAny("ca", "cg");
        if (cache == null || modifiers.takeAny("shared", "shared::cta") == null || !modifiers.take("global")) {
            throw source.unsupported("a copy of this kind");
        }
        final boolean hint = modifiers.take("L2::cache_hint");
        modifiers.ignore("L2::64B", "L2::128B", "L2::256B");
        source.requireOperands(3, 5);
        final AddressOperand to = source.address(source.operand(0));
        final AddressOperand from = source.address(source.operand(1));
        final int bytes = size(source, cache);
        source.accessesShared(4);
        final int further = source.operandCount() - (hint ? 1 : 0);
        if (hint) {
            source.longSource(source.operand(source.operandCount() - 1), PtxType.B64);
        }
        final boolean skips = further > 3 && isPredicate(source, source.operand(3));
        final PredicateOperand skipped = skips ? source.predicate(source.operand(3)) : null;
        final int given = further > 3 && !skips ? source.intSource(source.operand(3), PtxType.U32)
            : source.context().layout().constant(bytes);
        return (warp, mask) -> {
            final AsyncCopies.Copy copy = AsyncCopies.of(warp).begin(bytes);
            final long[] sources = new long[32];
            from.addresses(warp, sources);
            final int ignored = skipped == null ? 0 : skipped.lanes(warp);
            int copying = 0;
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) != 0) {
                    final int count = (ignored >>> lane & 1) != 0 ? 0
                        : Math.min(bytes, Math.max(0, warp.ints(given)[lane]));
                    copy.add(lane, to.address(warp, lane), sources[lane], count);
                    copying |= (count > 0 ? 1 : 0) << lane;
                }
            }
            if (copying != 0) {
                warp.memory().countRequest(Space.GLOBAL, sources, copying, bytes);
            }
            to.addresses(warp, sources);
            warp.memory().countWavefronts(sources, mask, bytes);
        };
    }

    private static int size(final InstructionSource source, final String cache) {
        if (!(source.operand(2) instanceof PtxOperand.Literal literal)) {
            throw source.unsupported("the size is not a constant");
        }
        final int bytes = (int) literal.bits();
        if (bytes != 16 && (cache.equals("cg") || bytes != 4 && bytes != 8)) {
            throw source.unsupported("a copy of " + bytes + " bytes");
        }
        return bytes;
    }

    private static boolean isPredicate(final InstructionSource source, final PtxOperand operand) {
        return operand instanceof PtxOperand.Negated
            || source.isRegister(operand) && source.registerType(operand) == PtxType.PRED;
    }

    private static Operation await(final InstructionSource source) {
        source.requireOperands(1, 1);
        if (!(source.operand(0) instanceof PtxOperand.Literal literal)) {
            throw source.unsupported("the number of groups is not a constant");
        }
        final int youngest = (int) literal.bits();
        return (warp, mask) -> AsyncCopies.of(warp).await(mask, youngest);
    }
}
