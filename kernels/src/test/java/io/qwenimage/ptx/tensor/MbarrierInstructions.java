package io.qwenimage.ptx.tensor;

import io.qwenimage.ptx.execution.Warp;
import io.qwenimage.ptx.inspection.FindingKind;
import io.qwenimage.ptx.instruction.AddressOperand;
import io.qwenimage.ptx.instruction.InstructionRegistry;
import io.qwenimage.ptx.instruction.InstructionSource;
import io.qwenimage.ptx.instruction.Operation;
import io.qwenimage.ptx.memory.Space;
import io.qwenimage.ptx.text.PtxType;

/** Decodes {@code mbarrier.*}. */
final class MbarrierInstructions {
    private MbarrierInstructions() {
    }

    static void register(final InstructionRegistry registry) {
        registry.add("mbarrier.init", MbarrierInstructions::initialise);
        registry.add("mbarrier.inval", MbarrierInstructions::invalidate);
        registry.add("mbarrier.expect_tx", source -> transactions(source, true));
        registry.add("mbarrier.complete_tx", source -> transactions(source, false));
        registry.add("mbarrier.arrive", source -> arrive(source, false));
        registry.add("mbarrier.arrive_drop", source -> arrive(source, true));
        registry.add("mbarrier.test_wait", MbarrierInstructions::await);
        registry.add("mbarrier.try_wait", MbarrierInstructions::await);
        registry.add("mbarrier.pending_count", MbarrierInstructions::pendingCount);
    }

    private static Operation initialise(final InstructionSource source) {
        final Space space = space(source);
        final AddressOperand address = source.address(source.operand(0));
        final int count = source.intSource(source.operand(1), PtxType.U32);
        return (warp, mask) -> forEach(warp, mask, lane -> {
            final SharedPlace place = SharedPlace.find(warp, space, address.address(warp, lane), Long.BYTES,
                Long.BYTES, lane);
            if (place != null) {
                noteWrite(warp, lane, place);
                MbarrierUnit.of(place.block()).initialise(warp, lane, place.offset(), warp.ints(count)[lane]);
            }
        });
    }

    private static Operation invalidate(final InstructionSource source) {
        final Space space = space(source);
        final AddressOperand address = source.address(source.operand(0));
        return (warp, mask) -> forEach(warp, mask, lane -> {
            final SharedPlace place = SharedPlace.find(warp, space, address.address(warp, lane), Long.BYTES,
                Long.BYTES, lane);
            if (place != null) {
                noteWrite(warp, lane, place);
                MbarrierUnit.of(place.block()).invalidate(warp, lane, place.offset());
            }
        });
    }

    private static Operation transactions(final InstructionSource source, final boolean expects) {
        ordering(source);
        final Space space = space(source);
        final AddressOperand address = source.address(source.operand(0));
        final int bytes = source.intSource(source.operand(1), PtxType.U32);
        return (warp, mask) -> forEach(warp, mask, lane -> {
            final MbarrierUnit.Entry entry = entry(warp, space, address, lane);
            if (entry != null) {
                guarded(warp, lane, () -> {
                    if (expects) {
                        entry.barrier().expectTransactions(warp.ints(bytes)[lane]);
                    } else {
                        entry.barrier().completeTransactions(warp.ints(bytes)[lane]);
                        entry.noteCompletion();
                    }
                });
            }
        });
    }

    private static Operation arrive(final InstructionSource source, final boolean drops) {
        final boolean expects = source.modifiers().take("expect_tx");
        final boolean mayComplete = !source.modifiers().take("noComplete");
        final boolean releases = ordering(source);
        final Space space = space(source);
        source.requireOperands(2, 3);
        final int state = source.destination(source.operand(0), PtxType.B64);
        final AddressOperand address = source.address(source.operand(1));
        final int number = source.operandCount() > 2 ? source.intSource(source.operand(2), PtxType.U32) : -1;
        if (expects && number < 0) {
            throw source.unsupported("expect_tx wants a number of bytes");
        }
        return (warp, mask) -> forEach(warp, mask, lane -> {
            final MbarrierUnit.Entry entry = entry(warp, space, address, lane);
            if (entry != null) {
                guarded(warp, lane, () -> {
                    final int value = number < 0 ? 1 : warp.ints(number)[lane];
                    if (expects) {
                        entry.barrier().expectTransactions(value);
                    }
                    warp.longs(state)[lane] = entry.arrive(warp, expects ? 1 : value, drops, mayComplete, releases);
                });
            }
        });
    }

    private static Operation await(final InstructionSource source) {
        final boolean parity = source.modifiers().take("parity");
        final boolean acquires = ordering(source);
        final Space space = space(source);
        source.requireOperands(3, 4);
        final int result = source.predicateDestination(source.operand(0));
        final AddressOperand address = source.address(source.operand(1));
        final int phase = parity ? source.intSource(source.operand(2), PtxType.U32)
            : source.longSource(source.operand(2), PtxType.B64);
        if (source.operandCount() > 3) {
            source.intSource(source.operand(3), PtxType.U32);
        }
        return (warp, mask) -> {
            int completed = 0;
            for (int lane = 0; lane < Warp.LANES; lane++) {
                if ((mask >>> lane & 1) != 0) {
                    final MbarrierUnit.Entry entry = entry(warp, space, address, lane);
                    if (entry == null || isCompleted(warp, lane, entry, parity, phase)) {
                        completed |= 1 << lane;
                        if (entry != null && acquires) {
                            entry.acquire(warp);
                        }
                    }
                }
            }
            warp.setPredicate(result, mask, completed);
            if (completed != mask) {
                warp.stall();
            }
        };
    }

    private static boolean isCompleted(final Warp warp, final int lane, final MbarrierUnit.Entry entry,
        final boolean parity,
                                       final int phase) {
        if (parity) {
            final int value = warp.ints(phase)[lane];
            if ((value & ~1) != 0) {
                warp.report(FindingKind.INVALID_OPERAND, lane, "phase parity " + value + " is neither 0 nor 1");
            }
            return entry.barrier().isCompletedParity(value & 1);
        }
        try {
            return entry.barrier().isCompleted(warp.longs(phase)[lane]);
        } catch (final IllegalStateException breach) {
            warp.report(FindingKind.BARRIER, lane, breach.getMessage());
            return true;
        }
    }

    private static Operation pendingCount(final InstructionSource source) {
        source.require("b64");
        final int count = source.destination(source.operand(0), PtxType.U32);
        final int state = source.longSource(source.operand(1), PtxType.B64);
        return (warp, mask) -> forEach(warp, mask,
            lane -> warp.ints(count)[lane] = Mbarrier.pendingCount(warp.longs(state)[lane]));
    }

    static MbarrierUnit.Entry entry(final Warp warp, final Space space, final AddressOperand address,
        final int lane) {
        final SharedPlace place = SharedPlace.find(warp, space, address.address(warp, lane), Long.BYTES, Long.BYTES,
            lane);
        return place == null ? null : entry(warp, place, lane);
    }

    /** The barrier at a place, whose initialisation has to be ordered before its use; null after a finding. */
    static MbarrierUnit.Entry entry(final Warp warp, final SharedPlace place, final int lane) {
        final MbarrierUnit.Entry entry = MbarrierUnit.of(place.block()).find(warp, lane, place.offset());
        if (entry != null && place.block().races() != null) {
            final String race = place.block().races().read(warp, lane, place.offset(), Long.BYTES, true);
            if (race != null) {
                warp.report(FindingKind.RACE, lane, race + " (the initialisation of the mbarrier)");
            }
        }
        return entry;
    }

    private static void noteWrite(final Warp warp, final int lane, final SharedPlace place) {
        if (place.block().races() != null) {
            final String race = place.block().races().write(warp, lane, place.offset(), Long.BYTES, false);
            if (race != null) {
                warp.report(FindingKind.RACE, lane, race);
            }
        }
    }

    private static void guarded(final Warp warp, final int lane, final Runnable action) {
        try {
            action.run();
        } catch (final IllegalStateException breach) {
            warp.report(FindingKind.BARRIER, lane, breach.getMessage());
        }
    }

    /** Takes order and scope; returns whether they order anything. */
    static boolean ordering(final InstructionSource source) {
        final String order = source.modifiers().takeAny("release", "acquire", "relaxed");
        source.modifiers().takeAny("cta", "cluster", "gpu", "sys");
        return !"relaxed".equals(order);
    }

    private static Space space(final InstructionSource source) {
        source.require("b64");
        return source.modifiers().takeAny("shared", "shared::cta", "shared::cluster") == null ? Space.GENERIC
            : Space.SHARED;
    }

    static void forEach(final Warp warp, final int mask, final LaneAction action) {
        for (int left = mask; left != 0; left &= left - 1) {
            action.run(Integer.numberOfTrailingZeros(left));
        }
    }

    /** What one lane does. */
    @FunctionalInterface
    interface LaneAction {
        void run(int lane);
    }
}
