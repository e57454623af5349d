package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.counting.InstructionClass;
import io.qwenimage.ptx.execution.Warp;
import io.qwenimage.ptx.number.Halves;
import io.qwenimage.ptx.text.PtxOperand;
import io.qwenimage.ptx.text.PtxType;

/** Comparisons and selections: {@code setp set selp slct testp}. */
final class ComparisonInstructions {
    private ComparisonInstructions() {
    }

    static void register(final InstructionRegistry registry) {
        registry.add("setp", ComparisonInstructions::setPredicate);
        registry.add("set", ComparisonInstructions::set);
        registry.add("selp", ComparisonInstructions::select);
        registry.add("slct", ComparisonInstructions::selectBySign);
        registry.add("testp", ComparisonInstructions::test);
    }

    /** {@code setp.lt.and.f32 p|q, a, b, c}: p = (a < b) and c, q = !(a < b) and c. */
    private static Operation setPredicate(final InstructionSource source) {
        source.classify(InstructionClass.INTEGER);
        final Comparison comparison = Comparison.of(source);
        final Combination combination = Combination.of(source);
        final boolean flush = source.modifiers().take("ftz");
        final PtxType type = source.type();
        source.requireOperands(combination == Combination.NONE ? 3 : 4, combination == Combination.NONE ? 3 : 4);
        final PtxOperand result = source.operand(0);
        final boolean pair = result instanceof PtxOperand.Pair;
        final int p = source.predicateDestination(pair ? ((PtxOperand.Pair) result).first() : result);
        final int q = pair ? source.predicateDestination(((PtxOperand.Pair) result).second()) : -1;
        final PredicateOperand c = combination == Combination.NONE ? null : source.predicate(source.operand(3));
        if (type == PtxType.F16X2 || type == PtxType.BF16X2) {
            return packed(source, comparison, combination, flush, type, p, q, c);
        }
        final LaneCondition test = test(source, comparison, flush, type, 1);
        return (warp, mask) -> {
            final int holds = test.lanes(warp);
            final int other = c == null ? 0 : c.lanes(warp);
            warp.setPredicate(p, mask, combination.apply(holds, other));
            if (q >= 0) {
                warp.setPredicate(q, mask, combination.apply(~holds, other));
            }
        };
    }

    /** Of packed halves p is for the low one and q for the high one. */
    private static Operation packed(final InstructionSource source, final Comparison comparison,
                                    final Combination combination, final boolean flush, final PtxType type, final int p,
                                    final int q, final PredicateOperand c) {
        final int a = source.intSource(source.operand(1), PtxType.B32);
        final int b = source.intSource(source.operand(2), PtxType.B32);
        final boolean brain = type == PtxType.BF16X2;
        if (q < 0) {
            throw source.unsupported("packed halves need two predicates");
        }
        return (warp, mask) -> {
            int low = 0;
            int high = 0;
            for (int lane = 0; lane < 32; lane++) {
                final int x = warp.ints(a)[lane];
                final int y = warp.ints(b)[lane];
                final boolean lowHolds =
                    comparison.holds(half(x & 0xffff, brain, flush), half(y & 0xffff, brain, flush));
                low |= (lowHolds ? 1 : 0) << lane;
                high |= (comparison.holds(half(x >>> 16, brain, flush), half(y >>> 16, brain, flush)) ? 1 : 0) << lane;
            }
            final int other = c == null ? 0 : c.lanes(warp);
            warp.setPredicate(p, mask, combination.apply(low, other));
            warp.setPredicate(q, mask, combination.apply(high, other));
        };
    }

    private static float half(final int bits, final boolean brain, final boolean flush) {
        if (brain) {
            return Halves.fromBfloat(bits);
        }
        return Halves.fromHalf(flush && (bits & 0x7c00) == 0 ? bits & 0x8000 : bits);
    }

    /** Bit per lane: where operand {@code first} compares so with the next. */
    private static LaneCondition test(final InstructionSource source, final Comparison comparison, final boolean flush,
                                 final PtxType type, final int first) {
        if (comparison.isForFloatsOnly() && !type.isFloat()) {
            throw source.unsupported("the comparison needs a floating-point type");
        }
        final int a = source.source(source.operand(first), type);
        final int b = source.source(source.operand(first + 1), type);
        return switch (type) {
            case F32 -> floats(a, b, comparison, flush);
            case F64 -> doubles(a, b, comparison);
            case F16, BF16 -> halves(a, b, comparison, type == PtxType.BF16, flush);
            case S32 -> signed(a, b, comparison);
            case S64 -> longs(a, b, comparison, 0);
            case B64, U64 -> longs(a, b, comparison, Long.MIN_VALUE);
            case S16 -> (warp) -> {
                final int[] x = warp.ints(a);
                final int[] y = warp.ints(b);
                int lanes = 0;
                for (int lane = 0; lane < 32; lane++) {
                    lanes |= (comparison.holds(Integer.compare((short) x[lane], (short) y[lane])) ? 1 : 0) << lane;
                }
                return lanes;
            };
            case B32, U32, B16, U16 -> unsigned(a, b, comparison);
            default -> throw source.unsupported("comparison of type " + type);
        };
    }

    private static LaneCondition floats(final int a, final int b, final Comparison comparison, final boolean flush) {
        return warp -> {
            final int[] x = warp.ints(a);
            final int[] y = warp.ints(b);
            int lanes = 0;
            for (int lane = 0; lane < 32; lane++) {
                float left = Float.intBitsToFloat(x[lane]);
                float right = Float.intBitsToFloat(y[lane]);
                if (flush) {
                    left = FloatInstructions.flush(left);
                    right = FloatInstructions.flush(right);
                }
                lanes |= (comparison.holds(left, right) ? 1 : 0) << lane;
            }
            return lanes;
        };
    }

    private static LaneCondition doubles(final int a, final int b, final Comparison comparison) {
        return warp -> {
            final long[] x = warp.longs(a);
            final long[] y = warp.longs(b);
            int lanes = 0;
            for (int lane = 0; lane < 32; lane++) {
                final boolean holds =
                    comparison.holds(Double.longBitsToDouble(x[lane]), Double.longBitsToDouble(y[lane]));
                lanes |= (holds ? 1 : 0) << lane;
            }
            return lanes;
        };
    }

    private static LaneCondition halves(final int a, final int b, final Comparison comparison, final boolean brain,
                                   final boolean flush) {
        return warp -> {
            final int[] x = warp.ints(a);
            final int[] y = warp.ints(b);
            int lanes = 0;
            for (int lane = 0; lane < 32; lane++) {
                lanes |= (comparison.holds(half(x[lane], brain, flush), half(y[lane], brain, flush)) ? 1 : 0) << lane;
            }
            return lanes;
        };
    }

    private static LaneCondition signed(final int a, final int b, final Comparison comparison) {
        return warp -> {
            final int[] x = warp.ints(a);
            final int[] y = warp.ints(b);
            int lanes = 0;
            for (int lane = 0; lane < 32; lane++) {
                lanes |= (comparison.holds(Integer.compare(x[lane], y[lane])) ? 1 : 0) << lane;
            }
            return lanes;
        };
    }

    private static LaneCondition unsigned(final int a, final int b, final Comparison comparison) {
        return warp -> {
            final int[] x = warp.ints(a);
            final int[] y = warp.ints(b);
            int lanes = 0;
            for (int lane = 0; lane < 32; lane++) {
                lanes |= (comparison.holds(Integer.compareUnsigned(x[lane], y[lane])) ? 1 : 0) << lane;
            }
            return lanes;
        };
    }

    /** With the bias of the smallest value the order is that of unsigned values. */
    private static LaneCondition longs(final int a, final int b, final Comparison comparison, final long bias) {
        return warp -> {
            final long[] x = warp.longs(a);
            final long[] y = warp.longs(b);
            int lanes = 0;
            for (int lane = 0; lane < 32; lane++) {
                lanes |= (comparison.holds(Long.compare(x[lane] + bias, y[lane] + bias)) ? 1 : 0) << lane;
            }
            return lanes;
        };
    }

    /** {@code set.lt.u32.f32 d, a, b}: all ones (or 1.0) where it holds, else 0. */
    private static Operation set(final InstructionSource source) {
        source.classify(InstructionClass.INTEGER);
        final Comparison comparison = Comparison.of(source);
        final Combination combination = Combination.of(source);
        final boolean flush = source.modifiers().take("ftz");
        final PtxType result = source.type();
        final PtxType type = source.type();
        final int target = source.destination(source.operand(0), result);
        final PredicateOperand c = combination == Combination.NONE ? null : source.predicate(source.operand(3));
        if (type == PtxType.F16X2 || type == PtxType.BF16X2) {
            return setPacked(source, comparison, flush, result, type, target, c);
        }
        final LaneCondition test = test(source, comparison, flush, type, 1);
        final int truth = switch (result) {
            case U32, S32 -> -1;
            case F32 -> Float.floatToRawIntBits(1);
            case U16, S16 -> 0xffff;
            case F16 -> 0x3c00;
            case BF16 -> 0x3f80;
            default -> throw source.unsupported("a result of type " + result);
        };
        return (warp, mask) -> {
            final int lanes = combination.apply(test.lanes(warp), c == null ? 0 : c.lanes(warp));
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) != 0) {
                    warp.ints(target)[lane] = (lanes >>> lane & 1) != 0 ? truth : 0;
                }
            }
        };
    }

    /** All ones or 1.0 in each half in which the comparison holds. */
    private static Operation setPacked(final InstructionSource source, final Comparison comparison, final boolean flush,
                                       final PtxType result, final PtxType type, final int target,
                                       final PredicateOperand combined) {
        if (combined != null || result.bits() != 32) {
            throw source.unsupported("packed halves of this form");
        }
        final int a = source.intSource(source.operand(1), PtxType.B32);
        final int b = source.intSource(source.operand(2), PtxType.B32);
        final boolean brain = type == PtxType.BF16X2;
        final int truth = result == PtxType.F16X2 ? 0x3c00 : result == PtxType.BF16X2 ? 0x3f80 : 0xffff;
        return Lanes.ints(target, a, b, (x, y) ->
            (comparison.holds(half(x & 0xffff, brain, flush), half(y & 0xffff, brain, flush)) ? truth : 0)
                | (comparison.holds(half(x >>> 16, brain, flush), half(y >>> 16, brain, flush)) ? truth : 0) << 16);
    }

    private static Operation select(final InstructionSource source) {
        source.classify(InstructionClass.INTEGER);
        source.passesOn();
        source.requireOperands(4, 4);
        final PtxType type = source.type();
        final int target = source.destination(source.operand(0), type);
        final int a = source.source(source.operand(1), type);
        final int b = source.source(source.operand(2), type);
        final PredicateOperand condition = source.predicate(source.operand(3));
        if (type.bits() == 64) {
            return (warp, mask) -> {
                final long[] x = warp.longs(a);
                final long[] y = warp.longs(b);
                final long[] result = warp.longs(target);
                final int lanes = condition.lanes(warp);
                for (int lane = 0; lane < 32; lane++) {
                    if ((mask >>> lane & 1) != 0) {
                        result[lane] = (lanes >>> lane & 1) != 0 ? x[lane] : y[lane];
                    }
                }
            };
        }
        return (warp, mask) -> {
            final int[] x = warp.ints(a);
            final int[] y = warp.ints(b);
            final int[] result = warp.ints(target);
            final int lanes = condition.lanes(warp);
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) != 0) {
                    result[lane] = (lanes >>> lane & 1) != 0 ? x[lane] : y[lane];
                }
            }
        };
    }

    /** {@code slct.type.s32 d, a, b, c}: a where c is at least zero, else b; also where c is NaN. */
    private static Operation selectBySign(final InstructionSource source) {
        source.classify(InstructionClass.INTEGER);
        final boolean flush = source.modifiers().take("ftz");
        final PtxType type = source.type();
        final boolean byFloat = source.type() == PtxType.F32;
        final int target = source.destination(source.operand(0), type);
        final int a = source.source(source.operand(1), type);
        final int b = source.source(source.operand(2), type);
        final int c = source.intSource(source.operand(3), byFloat ? PtxType.F32 : PtxType.S32);
        return (warp, mask) -> {
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) == 0) {
                    continue;
                }
                final int sign = warp.ints(c)[lane];
                final float value = Float.intBitsToFloat(sign);
                final boolean first = byFloat ? (flush ? FloatInstructions.flush(value) : value) >= 0 : sign >= 0;
                if (type.bits() == 64) {
                    warp.longs(target)[lane] = warp.longs(first ? a : b)[lane];
                } else {
                    warp.ints(target)[lane] = warp.ints(first ? a : b)[lane];
                }
            }
        };
    }

    private static Operation test(final InstructionSource source) {
        source.classify(InstructionClass.FLOAT);
        final String property = source.modifiers().takeAny("finite", "infinite", "number", "notanumber", "normal",
            "subnormal");
        if (property == null) {
            throw source.unsupported("the property is missing");
        }
        final PtxType type = source.type();
        final int target = source.predicateDestination(source.operand(0));
        final int a = source.source(source.operand(1), type);
        final boolean wide = type == PtxType.F64;
        return (warp, mask) -> {
            int lanes = 0;
            for (int lane = 0; lane < 32; lane++) {
                final double value = wide ? Double.longBitsToDouble(warp.longs(a)[lane])
                    : Float.intBitsToFloat(warp.ints(a)[lane]);
                final boolean subnormal = value != 0 && Math.abs(value) < (wide ? Double.MIN_NORMAL : Float.MIN_NORMAL);
                final boolean holds = switch (property) {
                    case "finite" -> Double.isFinite(value);
                    case "infinite" -> Double.isInfinite(value);
                    case "number" -> value == value;
                    case "notanumber" -> value != value;
                    case "normal" -> Double.isFinite(value) && value != 0 && !subnormal;
                    default -> subnormal;
                };
                lanes |= (holds ? 1 : 0) << lane;
            }
            warp.setPredicate(target, mask, lanes);
        };
    }

    /** How a comparison is combined with a third operand. */
    private enum Combination {
        NONE, AND, OR, XOR;

        static Combination of(final InstructionSource source) {
            final String name = source.modifiers().takeAny("and", "or", "xor");
            if (name == null) {
                return NONE;
            }
            return switch (name) {
                case "and" -> AND;
                case "or" -> OR;
                default -> XOR;
            };
        }

        int apply(final int holds, final int other) {
            return switch (this) {
                case NONE -> holds;
                case AND -> holds & other;
                case OR -> holds | other;
                case XOR -> holds ^ other;
            };
        }
    }

    /** Tests all lanes. */
    @FunctionalInterface
    private interface LaneCondition {
        int lanes(Warp warp);
    }
}
