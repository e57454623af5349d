package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.counting.InstructionClass;
import io.qwenimage.ptx.execution.Warp;
import io.qwenimage.ptx.inspection.FindingKind;
import io.qwenimage.ptx.text.PtxOperand;
import io.qwenimage.ptx.text.PtxType;
import java.util.function.IntBinaryOperator;

/**
 * Exchange between the lanes of a warp: {@code shfl.sync vote.sync match.sync redux.sync activemask elect.sync
 * bar.warp.sync}. The lanes that the member mask names have to be there: exited and absent ones are findings.
 */
final class WarpInstructions {
    private WarpInstructions() {
    }

    static void register(final InstructionRegistry registry) {
        registry.add("shfl.sync", WarpInstructions::shuffle);
        registry.add("vote.sync", WarpInstructions::vote);
        registry.add("match.any.sync", source -> match(source, false));
        registry.add("match.all.sync", source -> match(source, true));
        registry.add("redux.sync", WarpInstructions::reduce);
        registry.add("activemask", WarpInstructions::activeMask);
        registry.add("elect.sync", WarpInstructions::elect);
        registry.add("bar.warp.sync", WarpInstructions::synchronise);
    }

    /** Checks the member masks of the lanes and orders what they did before. */
    static void meet(final Warp warp, final int mask, final int[] members) {
        final int first = Integer.numberOfTrailingZeros(mask);
        final int named = members[first];
        for (int lane = first; lane < 32; lane++) {
            if ((mask >>> lane & 1) != 0 && members[lane] != named) {
                warp.report(FindingKind.LANE_MASK, lane, "lane " + lane + " gives mask 0x"
                    + Integer.toHexString(members[lane]) + ", lane " + first + " gives 0x"
                    + Integer.toHexString(named));
                break;
            }
        }
        final int outside = mask & ~named;
        if (outside != 0) {
            warp.report(FindingKind.LANE_MASK, Integer.numberOfTrailingZeros(outside), "lanes 0x"
                + Integer.toHexString(outside) + " execute it without being named by mask 0x"
                + Integer.toHexString(named));
        }
        // Threads that the block never had may be named: a full mask is usual in a block's last, partial warp.
        final int absent = named & warp.initialMask() & ~mask;
        if (absent != 0) {
            final int exited = absent & ~warp.liveMask();
            final int reported = exited != 0 ? exited : absent;
            warp.report(FindingKind.LANE_MASK, first, "mask 0x" + Integer.toHexString(named) + " names lanes 0x"
                + Integer.toHexString(reported) + (exited != 0 ? ", which have exited" : ", which do not execute it"));
        }
        warp.synchroniseLanes(mask);
    }

    private static Operation shuffle(final InstructionSource source) {
        source.classify(InstructionClass.SHUFFLE);
        source.requireOperands(5, 5);
        final String mode = source.modifiers().takeAny("up", "down", "bfly", "idx");
        source.require("b32");
        if (mode == null) {
            throw source.unsupported("the mode is missing");
        }
        final PtxOperand result = source.operand(0);
        final boolean pair = result instanceof PtxOperand.Pair;
        final int target = source.destination(pair ? ((PtxOperand.Pair) result).first() : result, PtxType.B32);
        final int valid = pair ? source.predicateDestination(((PtxOperand.Pair) result).second()) : -1;
        final int a = source.intSource(source.operand(1), PtxType.B32);
        final int b = source.intSource(source.operand(2), PtxType.B32);
        final int c = source.intSource(source.operand(3), PtxType.B32);
        final int members = source.intSource(source.operand(4), PtxType.B32);
        return (warp, mask) -> {
            meet(warp, mask, warp.ints(members));
            final int[] values = warp.ints(a).clone();
            final int[] origin = new int[Warp.LANES];
            int inRange = 0;
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) == 0) {
                    continue;
                }
                final int segment = warp.ints(c)[lane] >>> 8 & 31;
                final int clamp = warp.ints(c)[lane] & 31;
                final int amount = warp.ints(b)[lane] & 31;
                final int last = lane & segment | clamp & ~segment;
                final int from = switch (mode) {
                    case "up" -> lane - amount;
                    case "down" -> lane + amount;
                    case "bfly" -> lane ^ amount;
                    default -> lane & segment | amount & ~segment;
                };
                final boolean within = mode.equals("up") ? from >= last : from <= last;
                final int other = within ? from : lane;
                if ((mask >>> other & 1) == 0) {
                    warp.report(FindingKind.LANE_MASK, lane,
                        "reads from lane " + other + ", which does not execute it");
                }
                inRange |= (within ? 1 : 0) << lane;
                origin[lane] = other;
                warp.ints(target)[lane] = (mask >>> other & 1) == 0 ? -1 : values[other];
            }
            warp.exchanged(mask, origin);
            if (valid >= 0) {
                warp.setPredicate(valid, mask, inRange);
            }
        };
    }

    private static Operation vote(final InstructionSource source) {
        source.classify(InstructionClass.SHUFFLE);
        source.requireOperands(3, 3);
        final String mode = source.modifiers().takeAny("all", "any", "uni", "ballot");
        if (mode == null || source.modifiers().takeAny("pred", "b32") == null) {
            throw source.unsupported("mode or type is missing");
        }
        final boolean ballot = mode.equals("ballot");
        final int target = ballot ? source.destination(source.operand(0), PtxType.B32)
            : source.predicateDestination(source.operand(0));
        final PredicateOperand a = source.operand(1) instanceof PtxOperand.Literal ? null
            : source.predicate(source.operand(1));
        final int constant = a == null && ((PtxOperand.Literal) source.operand(1)).bits() != 0 ? -1 : 0;
        final int members = source.intSource(source.operand(2), PtxType.B32);
        return (warp, mask) -> {
            meet(warp, mask, warp.ints(members));
            final int votes = (a == null ? constant : a.lanes(warp)) & mask;
            if (ballot) {
                fill(warp, target, mask, votes);
                return;
            }
            final boolean result = switch (mode) {
                case "all" -> votes == mask;
                case "any" -> votes != 0;
                default -> votes == 0 || votes == mask;
            };
            warp.setPredicate(target, mask, result ? -1 : 0);
        };
    }

    private static Operation match(final InstructionSource source, final boolean all) {
        source.classify(InstructionClass.SHUFFLE);
        source.requireOperands(3, 3);
        final PtxType type = source.type();
        final PtxOperand result = source.operand(0);
        final boolean pair = result instanceof PtxOperand.Pair;
        final int target = source.destination(pair ? ((PtxOperand.Pair) result).first() : result, PtxType.B32);
        final int matches = pair ? source.predicateDestination(((PtxOperand.Pair) result).second()) : -1;
        final int a = source.source(source.operand(1), type);
        final int members = source.intSource(source.operand(2), PtxType.B32);
        final boolean wide = type.bits() == 64;
        return (warp, mask) -> {
            meet(warp, mask, warp.ints(members));
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) == 0) {
                    continue;
                }
                int equal = 0;
                for (int other = 0; other < 32; other++) {
                    final boolean same = wide ? warp.longs(a)[other] == warp.longs(a)[lane]
                        : warp.ints(a)[other] == warp.ints(a)[lane];
                    equal |= (same ? 1 : 0) << other;
                }
                equal &= mask;
                warp.ints(target)[lane] = !all || equal == mask ? equal : 0;
                if (matches >= 0) {
                    warp.setPredicate(matches, 1 << lane, equal == mask ? -1 : 0);
                }
            }
        };
    }

    private static Operation reduce(final InstructionSource source) {
        source.classify(InstructionClass.SHUFFLE);
        source.requireOperands(3, 3);
        final String name = source.modifiers().takeAny("add", "min", "max", "and", "or", "xor");
        if (name == null) {
            throw source.unsupported("the operation is missing");
        }
        final boolean absolute = source.modifiers().take("abs");
        final boolean propagates = source.modifiers().take("NaN");
        final PtxType type = source.type();
        final int target = source.destination(source.operand(0), type);
        final int a = source.intSource(source.operand(1), type);
        final int members = source.intSource(source.operand(2), PtxType.B32);
        final IntBinaryOperator function = function(source, name, type, propagates);
        return (warp, mask) -> {
            meet(warp, mask, warp.ints(members));
            final int first = Integer.numberOfTrailingZeros(mask);
            final int keep = absolute ? 0x7fffffff : -1;
            int result = warp.ints(a)[first] & keep;
            for (int lane = first + 1; lane < 32; lane++) {
                if ((mask >>> lane & 1) != 0) {
                    result = function.applyAsInt(result, warp.ints(a)[lane] & keep);
                }
            }
            fill(warp, target, mask, result);
        };
    }

    private static IntBinaryOperator function(final InstructionSource source, final String name, final PtxType type,
                                              final boolean propagates) {
        if (type == PtxType.F32 && (name.equals("min") || name.equals("max"))) {
            final boolean least = name.equals("min");
            return (x, y) -> Float.floatToRawIntBits((float) FloatInstructions.extreme(Float.intBitsToFloat(x),
                Float.intBitsToFloat(y), least, propagates));
        }
        if (type.isFloat()) {
            throw source.unsupported("." + name + " of type " + type);
        }
        return switch (name) {
            case "add" -> Integer::sum;
            case "and" -> (x, y) -> x & y;
            case "or" -> (x, y) -> x | y;
            case "xor" -> (x, y) -> x ^ y;
            case "min" -> type.isSigned() ? Math::min : (x, y) -> Integer.compareUnsigned(x, y) < 0 ? x : y;
            default -> type.isSigned() ? Math::max : (x, y) -> Integer.compareUnsigned(x, y) > 0 ? x : y;
        };
    }

    private static Operation activeMask(final InstructionSource source) {
        source.classify(InstructionClass.SHUFFLE);
        source.require("b32");
        final int target = source.destination(source.operand(0), PtxType.B32);
        return (warp, mask) -> fill(warp, target, mask, mask);
    }

    /** The lowest lane that the mask names is elected: its predicate becomes true, that of the others false. */
    private static Operation elect(final InstructionSource source) {
        source.classify(InstructionClass.SHUFFLE);
        source.requireOperands(2, 2);
        if (!(source.operand(0) instanceof PtxOperand.Pair pair)) {
            throw source.unsupported("the predicate is missing");
        }
        final int target = source.destination(pair.first(), PtxType.B32);
        final int elected = source.predicateDestination(pair.second());
        final int members = source.intSource(source.operand(1), PtxType.B32);
        return (warp, mask) -> {
            meet(warp, mask, warp.ints(members));
            final int leader = Integer.numberOfTrailingZeros(mask);
            fill(warp, target, mask, leader);
            warp.setPredicate(elected, mask, 1 << leader);
        };
    }

    private static Operation synchronise(final InstructionSource source) {
        source.classify(InstructionClass.BARRIER);
        source.requireOperands(1, 1);
        final int members = source.intSource(source.operand(0), PtxType.B32);
        return (warp, mask) -> meet(warp, mask, warp.ints(members));
    }

    private static void fill(final Warp warp, final int target, final int mask, final int value) {
        final int[] result = warp.ints(target);
        for (int lane = 0; lane < 32; lane++) {
            if ((mask >>> lane & 1) != 0) {
                result[lane] = value;
            }
        }
    }
}
