package io.qwenimage.ptx.tensor;

import io.qwenimage.ptx.execution.AsyncCopies;
import io.qwenimage.ptx.execution.Warp;
import io.qwenimage.ptx.inspection.FindingKind;
import io.qwenimage.ptx.instruction.AddressOperand;
import io.qwenimage.ptx.instruction.DecodedInstruction;
import io.qwenimage.ptx.instruction.InstructionRegistry;
import io.qwenimage.ptx.instruction.InstructionSource;
import io.qwenimage.ptx.instruction.Operation;
import io.qwenimage.ptx.memory.Space;
import io.qwenimage.ptx.text.PtxOperand;
import io.qwenimage.ptx.text.PtxType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/** Decodes {@code st.async red.async cp.async.mbarrier.arrive}: what threads start and an mbarrier is told of. */
final class AsyncStoreInstructions {
    private static final String[] REDUCTIONS = {"add", "min", "max", "inc", "dec", "and", "or", "xor"};

    private AsyncStoreInstructions() {
    }

    static void register(final InstructionRegistry registry) {
        registry.add("st.async", source -> store(source, false));
        registry.add("red.async", source -> store(source, true));
        registry.add("cp.async.mbarrier.arrive", AsyncStoreInstructions::arriveWhenCopied);
    }

    private static Operation store(final InstructionSource source, final boolean reduces) {
        source.modifiers().ignore("weak", "relaxed", "cluster", "shared::cluster");
        source.require("mbarrier::complete_tx::bytes");
        final String operation = reduces ? source.modifiers().takeAny(REDUCTIONS) : null;
        source.modifiers().takeAny("v2", "v4");
        final PtxType type = source.type();
        source.requireOperands(3, 3);
        if (reduces && operation == null) {
            throw source.unsupported("the reduction is missing");
        }
        final AddressOperand to = source.address(source.operand(0));
        final List<PtxOperand> values = InstructionSource.elements(source.operand(1));
        final int[] slots = values.stream().mapToInt(value -> source.source(value, type)).toArray();
        final AddressOperand barrier = source.address(source.operand(2));
        final BulkReduction reduction = reduces ? new BulkReduction(operation, type) : null;
        final int bytes = slots.length * type.bytes();
        return (warp, mask) -> MbarrierInstructions.forEach(warp, mask, lane -> {
            final SharedPlace target = SharedPlace.find(warp, Space.SHARED, to.address(warp, lane), bytes, bytes, lane);
            final SharedPlace signal = BulkInstructions.signal(warp, barrier, lane);
            if (target != null && signal != null) {
                AsyncStore.start(warp, lane, target, signal, content(warp, lane, slots, type), reduction);
            }
        });
    }

    private static byte[] content(final Warp warp, final int lane, final int[] slots, final PtxType type) {
        final ByteBuffer content = ByteBuffer.allocate(slots.length * type.bytes()).order(ByteOrder.LITTLE_ENDIAN);
        for (final int slot : slots) {
            if (type.bits() == Long.SIZE) {
                content.putLong(warp.longs(slot)[lane]);
            } else {
                content.putInt(warp.ints(slot)[lane]);
            }
        }
        return content.array();
    }

    /**
     * Arrives for each thread when the copies that it has begun are done. Without {@code .noinc} the barrier waits for
     * one arrival more from now on, so that its count need not foresee this one.
     */
    private static Operation arriveWhenCopied(final InstructionSource source) {
        final boolean counted = source.modifiers().take("noinc");
        source.require("b64");
        final Space space = source.modifiers().takeAny("shared", "shared::cta") == null ? Space.GENERIC : Space.SHARED;
        source.requireOperands(1, 1);
        final AddressOperand address = source.address(source.operand(0));
        return (warp, mask) -> MbarrierInstructions.forEach(warp, mask, lane -> {
            final MbarrierUnit.Entry entry = MbarrierInstructions.entry(warp, space, address, lane);
            if (entry == null) {
                return;
            }
            final DecodedInstruction at = warp.instruction();
            try {
                if (!counted) {
                    entry.barrier().expectArrival();
                }
            } catch (final IllegalStateException breach) {
                warp.report(FindingKind.BARRIER, lane, breach.getMessage());
            }
            final AsynchronousOrder order = new AsynchronousOrder(warp);
            AsyncCopies.of(warp).whenDone(lane, order, () -> entry.arrive(order, warp, lane, at));
        });
    }
}
