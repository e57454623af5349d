package io.qwenimage.ptx.tensor;

import io.qwenimage.ptx.execution.Block;
import io.qwenimage.ptx.execution.Warp;
import io.qwenimage.ptx.inspection.FindingKind;
import io.qwenimage.ptx.instruction.AddressOperand;
import io.qwenimage.ptx.instruction.InstructionRegistry;
import io.qwenimage.ptx.instruction.InstructionSource;
import io.qwenimage.ptx.instruction.Operation;
import io.qwenimage.ptx.memory.Space;
import io.qwenimage.ptx.text.PtxOperand;
import io.qwenimage.ptx.text.PtxType;
import java.util.List;

/** Decodes bulk copies of bytes that lie side by side, and the waits for bulk groups. */
final class BulkInstructions {
    private static final int UNIT = 16;
    private static final String[] REDUCTIONS = {"add", "min", "max", "inc", "dec", "and", "or", "xor"};

    private BulkInstructions() {
    }

    static void register(final InstructionRegistry registry) {
        registry.add("cp.async.bulk", BulkInstructions::copy);
        registry.add("cp.reduce.async.bulk", BulkInstructions::reduce);
        registry.add("cp.async.bulk.prefetch", BulkInstructions::prefetch);
        registry.add("cp.async.bulk.commit_group", source -> (warp, mask) ->
            MbarrierInstructions.forEach(warp, mask, lane -> BulkGroups.of(warp).commit(lane)));
        registry.add("cp.async.bulk.wait_group", BulkInstructions::await);
    }

    private static Operation copy(final InstructionSource source) {
        final String first = takeFirst(source, "shared::cluster", "shared::cta", "global");
        final String second = takeFirst(source, "shared::cta", "global");
        final Cached cached = Cached.take(source);
        if ("global".equals(first) && "shared::cta".equals(second)) {
            source.require("bulk_group");
            return store(source, null, cached);
        }
        if ("shared::cta".equals(first) && "global".equals(second) || "shared::cluster".equals(first)
            && second != null) {
            source.require("mbarrier::complete_tx::bytes");
            return second.equals("global") ? load(source, cached) : betweenBlocks(source, cached);
        }
        throw source.unsupported("copies from " + second + " to " + first + " are not known");
    }

    private static Operation load(final InstructionSource source, final Cached cached) {
        final boolean multicast = source.modifiers().take("multicast::cluster");
        source.requireOperands(4 + (multicast ? 1 : 0), 4 + (multicast ? 1 : 0) + cached.operands());
        final AddressOperand to = source.address(source.operand(0));
        final AddressOperand from = source.address(source.operand(1));
        final int size = source.intSource(source.operand(2), PtxType.U32);
        final AddressOperand barrier = source.address(source.operand(3));
        final int blocks = multicast ? source.intSource(source.operand(4), PtxType.U16) : -1;
        return (warp, mask) -> MbarrierInstructions.forEach(warp, mask, lane -> {
            final int bytes = warp.ints(size)[lane];
            final long global = from.address(warp, lane);
            if (!isAligned(warp, lane, global, bytes)) {
                return;
            }
            final SharedPlace target = SharedPlace.find(warp, Space.SHARED, to.address(warp, lane), UNIT, bytes, lane);
            final SharedPlace signal = signal(warp, barrier, lane);
            if (target != null && signal != null) {
                forBlocks(warp, target, signal, multicast ? warp.ints(blocks)[lane] : -1,
                    (place, bell) -> BulkLoad.start(warp, lane, place, bell, global, bytes));
            }
        });
    }

    private static Operation betweenBlocks(final InstructionSource source, final Cached cached) {
        source.requireOperands(4, 4 + cached.operands());
        final AddressOperand to = source.address(source.operand(0));
        final AddressOperand from = source.address(source.operand(1));
        final int size = source.intSource(source.operand(2), PtxType.U32);
        final AddressOperand barrier = source.address(source.operand(3));
        return (warp, mask) -> MbarrierInstructions.forEach(warp, mask, lane -> {
            final int bytes = warp.ints(size)[lane];
            if (!isAligned(warp, lane, 0, bytes)) {
                return;
            }
            final SharedPlace target = SharedPlace.find(warp, Space.SHARED, to.address(warp, lane), UNIT, bytes, lane);
            final SharedPlace origin = SharedPlace.find(warp, Space.SHARED, from.address(warp, lane), UNIT, bytes,
                lane);
            final SharedPlace signal = signal(warp, barrier, lane);
            if (target != null && origin != null && signal != null) {
                SharedCopy.start(warp, lane, origin, target, signal, bytes);
            }
        });
    }

    private static Operation reduce(final InstructionSource source) {
        final String first = takeFirst(source, "shared::cluster", "global");
        source.require("shared::cta");
        if (!"global".equals(first)) {
            throw source.unsupported("reducing copies to shared memory are not supported");
        }
        source.require("bulk_group");
        final Cached cached = Cached.take(source);
        final String operation = source.modifiers().takeAny(REDUCTIONS);
        source.modifiers().ignore("noftz");
        final PtxType type = source.type();
        if (operation == null) {
            throw source.unsupported("the reduction is missing");
        }
        return store(source, new BulkReduction(operation, type), cached);
    }

    private static Operation store(final InstructionSource source, final BulkReduction reduction, final Cached cached) {
        source.requireOperands(3, 3 + cached.operands());
        final AddressOperand to = source.address(source.operand(0));
        final AddressOperand from = source.address(source.operand(1));
        final int size = source.intSource(source.operand(2), PtxType.U32);
        return (warp, mask) -> MbarrierInstructions.forEach(warp, mask, lane -> {
            final int bytes = warp.ints(size)[lane];
            final long global = to.address(warp, lane);
            if (!isAligned(warp, lane, global, bytes)) {
                return;
            }
            final SharedPlace origin = SharedPlace.find(warp, Space.SHARED, from.address(warp, lane), UNIT, bytes,
                lane);
            if (origin != null) {
                BulkGroups.of(warp).add(warp, lane, new BulkStore(warp, lane, origin.block(),
                    Segments.flat(global, origin.offset(), bytes), reduction));
            }
        });
    }

    /** A prefetch changes nothing, but its operands have to be right. */
    private static Operation prefetch(final InstructionSource source) {
        source.require("L2");
        source.require("global");
        Cached.take(source);
        final AddressOperand from = source.address(source.operand(0));
        final int size = source.intSource(source.operand(1), PtxType.U32);
        return (warp, mask) -> MbarrierInstructions.forEach(warp, mask, lane ->
            isAligned(warp, lane, from.address(warp, lane), warp.ints(size)[lane]));
    }

    private static Operation await(final InstructionSource source) {
        final boolean onlyReads = source.modifiers().take("read");
        final int youngest = TensorMapInstructions.immediate(source, 0);
        return (warp, mask) -> MbarrierInstructions.forEach(warp, mask,
            lane -> BulkGroups.of(warp).await(warp, lane, youngest, onlyReads));
    }

    /** The mbarrier that a copy tells of its bytes; null, after a finding, when there is none. */
    static SharedPlace signal(final Warp warp, final AddressOperand barrier, final int lane) {
        final SharedPlace place = SharedPlace.find(warp, Space.SHARED, barrier.address(warp, lane), Long.BYTES,
            Long.BYTES, lane);
        return place == null || MbarrierInstructions.entry(warp, place, lane) == null ? null : place;
    }

    /** Calls the action for the place itself or, with a mask of blocks, for the same place in each of them. */
    static void forBlocks(final Warp warp, final SharedPlace target, final SharedPlace signal, final int blocks,
                          final PlaceAction action) {
        if (blocks == -1) {
            action.run(target, signal);
            return;
        }
        for (final Block each : warp.cluster().blocks()) {
            if ((blocks >>> each.rank() & 1) != 0) {
                action.run(target.in(each), signal.in(each));
            }
        }
    }

    /**
     * Takes the first of the modifiers in the order in which they are written: destination and source are told by it.
     */
    static String takeFirst(final InstructionSource source, final String... modifiers) {
        for (final String written : source.modifiers().left()) {
            if (List.of(modifiers).contains(written)) {
                source.modifiers().take(written);
                return written;
            }
        }
        return null;
    }

    private static boolean isAligned(final Warp warp, final int lane, final long global, final int bytes) {
        if (bytes <= 0 || bytes % UNIT != 0) {
            warp.report(FindingKind.INVALID_OPERAND, lane, "a bulk copy of " + bytes + " bytes: multiples of " + UNIT
                + " are possible");
            warp.launch().findings().stop();
            return false;
        }
        if (global % UNIT != 0) {
            warp.report(FindingKind.MISALIGNED, lane, "global address 0x" + Long.toHexString(global)
                + " is not a multiple of " + UNIT);
            warp.launch().findings().stop();
            return false;
        }
        return true;
    }

    /**
     * The cache hint of a copy, which has no effect but an operand.
     *
     * @param operands how many operands it takes
     */
    record Cached(int operands) {
        static Cached take(final InstructionSource source) {
            final boolean hint = source.modifiers().take("L2::cache_hint");
            if (hint) {
                final PtxOperand policy = source.operand(source.operandCount() - 1);
                source.longSource(policy, PtxType.B64);
            }
            return new Cached(hint ? 1 : 0);
        }
    }

    /** What happens for one destination and its mbarrier. */
    @FunctionalInterface
    interface PlaceAction {
        void run(SharedPlace target, SharedPlace signal);
    }
}
