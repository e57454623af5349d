package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.counting.InstructionClass;
import io.qwenimage.ptx.execution.Block;
import io.qwenimage.ptx.execution.BlockBarrier;
import io.qwenimage.ptx.execution.Frame;
import io.qwenimage.ptx.execution.MemoryOrder;
import io.qwenimage.ptx.execution.Warp;
import io.qwenimage.ptx.inspection.FindingKind;
import io.qwenimage.ptx.text.PtxType;
import java.util.Arrays;
import java.util.function.IntConsumer;

/**
 * Barriers and fences: {@code bar barrier barrier.cluster membar fence nanosleep}. {@code bar.sync} is
 * {@code barrier.sync.aligned}.
 */
final class BarrierInstructions {
    private static final String[] SCOPES = {"cta", "cluster", "gpu", "gl", "sys", "sc", "acq_rel", "acquire",
        "release"};

    private BarrierInstructions() {
    }

    static void register(final InstructionRegistry registry) {
        for (final String name : new String[] {"bar", "bar.cta", "barrier", "barrier.cta"}) {
            final boolean aligned = name.startsWith("bar.") || name.equals("bar");
            registry.add(name + ".sync", source -> arrival(source, aligned, true));
            registry.add(name + ".arrive", source -> arrival(source, aligned, false));
            registry.add(name + ".red", source -> reduction(source, aligned));
        }
        registry.add("barrier.cluster.arrive", BarrierInstructions::arriveAtCluster);
        registry.add("barrier.cluster.wait", BarrierInstructions::awaitCluster);
        registry.add("membar", BarrierInstructions::fence);
        registry.add("fence", BarrierInstructions::fence);
        registry.add("nanosleep", BarrierInstructions::sleep);
        registry.add("pmevent", source -> {
            source.modifiers().ignore("mask");
            return (warp, mask) -> { };
        });
    }

    private static Operation arrival(final InstructionSource source, final boolean aligned, final boolean waits) {
        source.classify(InstructionClass.BARRIER);
        align(source, aligned);
        source.requireOperands(waits ? 1 : 2, 2);
        final int number = source.intSource(source.operand(0), PtxType.U32);
        final int count = count(source, 1);
        return (warp, mask) -> {
            final BlockBarrier barrier = barrier(warp, mask, warp.ints(number));
            if (barrier != null) {
                arrive(warp, mask, barrier, threads(warp, mask, count), 0, waits ? result -> { } : null);
            }
        };
    }

    /** {@code bar.red.popc.u32 d, a, b, c}: after the barrier everybody knows how many lanes' c was true. */
    private static Operation reduction(final InstructionSource source, final boolean aligned) {
        source.classify(InstructionClass.BARRIER);
        align(source, aligned);
        final String function = source.modifiers().takeAny("popc", "and", "or");
        if (function == null || source.modifiers().takeAny("u32", "pred") == null) {
            throw source.unsupported("operation or type is missing");
        }
        source.requireOperands(3, 4);
        final boolean counts = function.equals("popc");
        final int target = counts ? source.destination(source.operand(0), PtxType.U32)
            : source.predicateDestination(source.operand(0));
        final int number = source.intSource(source.operand(1), PtxType.U32);
        final boolean counted = source.operandCount() == 4;
        final int count = counted ? count(source, 2) : -1;
        final PredicateOperand c = source.predicate(source.operand(counted ? 3 : 2));
        final boolean all = function.equals("and");
        return (warp, mask) -> {
            final BlockBarrier barrier = barrier(warp, mask, warp.ints(number));
            if (barrier == null) {
                return;
            }
            final int[] slots = counts ? warp.ints(target) : null;
            final Frame frame = warp.frame();
            final int votes = (all ? ~c.lanes(warp) : c.lanes(warp)) & mask;
            arrive(warp, mask, barrier, threads(warp, mask, count), Integer.bitCount(votes), result -> {
                if (counts) {
                    for (int lane = 0; lane < 32; lane++) {
                        if ((mask >>> lane & 1) != 0) {
                            slots[lane] = result;
                        }
                    }
                } else {
                    frame.setPredicate(target, mask, (all ? result == 0 : result != 0) ? -1 : 0);
                }
            });
        };
    }

    private static void arrive(final Warp warp, final int mask, final BlockBarrier barrier, final int count,
                               final int contribution, final IntConsumer whenComplete) {
        if (whenComplete == null) {
            barrier.arrive(warp, mask, count, contribution, null);
            return;
        }
        final boolean[] completed = new boolean[1];
        barrier.arrive(warp, mask, count, contribution, result -> {
            whenComplete.accept(result);
            completed[0] = true;
        });
        if (!completed[0]) {
            warp.await(() -> completed[0], "barrier " + barrier.number() + " of "
                + (count == 0 ? "all threads" : count + " threads"));
        }
    }

    private static void align(final InstructionSource source, final boolean aligned) {
        if (source.modifiers().take("aligned") || aligned) {
            source.aligned();
        }
    }

    private static int count(final InstructionSource source, final int operand) {
        return source.operandCount() > operand ? source.intSource(source.operand(operand), PtxType.U32) : -1;
    }

    private static int threads(final Warp warp, final int mask, final int slot) {
        if (slot < 0) {
            return 0;
        }
        final int lane = Integer.numberOfTrailingZeros(mask);
        final int count = warp.ints(slot)[lane];
        if (count <= 0 || count % Warp.LANES != 0) {
            warp.report(FindingKind.BARRIER, lane, count + " threads are no multiple of the warp size");
        }
        return Math.max(count, 1);
    }

    private static BlockBarrier barrier(final Warp warp, final int mask, final int[] numbers) {
        final int lane = Integer.numberOfTrailingZeros(mask);
        final int number = numbers[lane];
        if (number < 0 || number >= Block.BARRIERS) {
            warp.report(FindingKind.BARRIER, lane, "barrier " + number + " of " + Block.BARRIERS);
            return null;
        }
        return warp.block().barrier(number);
    }

    private static Operation arriveAtCluster(final InstructionSource source) {
        source.classify(InstructionClass.BARRIER);
        align(source, false);
        final boolean releases = !"relaxed".equals(source.modifiers().takeAny("relaxed", "release"));
        return (warp, mask) -> {
            final ClusterPhases phases = warp.attachments().get(ClusterPhases.class, ClusterPhases::new);
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) != 0) {
                    phases.generation[lane] = warp.cluster().barrier().generation();
                }
            }
            warp.cluster().barrier().arrive(warp, mask, releases);
        };
    }

    private static Operation awaitCluster(final InstructionSource source) {
        source.classify(InstructionClass.BARRIER);
        align(source, false);
        source.modifiers().ignore("acquire");
        return (warp, mask) -> {
            final ClusterPhases phases = warp.attachments().get(ClusterPhases.class, ClusterPhases::new);
            final int lane = Integer.numberOfTrailingZeros(mask);
            final long arrived = phases.generation[lane];
            if (arrived < 0) {
                warp.report(FindingKind.BARRIER, lane, "waits for the cluster's barrier without having arrived");
                return;
            }
            warp.await(() -> {
                if (warp.cluster().barrier().generation() == arrived) {
                    return false;
                }
                warp.acquire(warp.cluster().barrier().completed());
                warp.synchroniseLanes(mask);
                return true;
            }, "the cluster's barrier");
        };
    }

    private static Operation fence(final InstructionSource source) {
        source.classify(InstructionClass.BARRIER);
        source.modifiers().ignore(SCOPES);
        source.modifiers().takePrefixed("sync_restrict::");
        source.requireOperands(0, 0);
        return (warp, mask) -> MemoryOrder.of(warp).fence();
    }

    private static Operation sleep(final InstructionSource source) {
        source.require("u32");
        source.intSource(source.operand(0), PtxType.U32);
        return (warp, mask) -> warp.stall();
    }

    /** The phase of the cluster's barrier at which each lane arrived last. */
    private static final class ClusterPhases {
        private final long[] generation = new long[Warp.LANES];

        ClusterPhases() {
            Arrays.fill(generation, -1);
        }
    }
}
