package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.counting.InstructionClass;
import io.qwenimage.ptx.execution.Warp;
import io.qwenimage.ptx.number.FloatFormat;
import io.qwenimage.ptx.number.Halves;
import io.qwenimage.ptx.text.PtxOperand;
import io.qwenimage.ptx.text.PtxType;
import java.util.List;

/**
 * {@code mma.sync}: D = A B + C over a warp. With e elements in a register of 32 bits (one FP64 value counts as one),
 * lane 4 g + t has in register r of A the elements of row g + 8 (r mod 2) and columns 4 e (r / 2) + e t on; in register
 * r of B those of column g and rows 4 e r + e t on; and as value i of C and D that of row g + 8 (i / 2) and column
 * 2 t + i mod 2. Products are exact; sums are rounded in FP32 (FP64, or taken modulo 2^32). Products of single bits are
 * their conjunction or exclusive disjunction.
 */
final class MatrixMultiply implements Operation {
    private static final int COLUMNS = 8;

    private final int rows;
    private final int depth;
    private final PtxType typeA;
    private final PtxType typeB;
    private final PtxType typeC;
    private final PtxType typeD;
    private final int[] a;
    private final int[] b;
    private final int[] c;
    private final int[] d;
    private final boolean saturates;
    private final boolean exclusive;

    private MatrixMultiply(final InstructionSource source, final int rows, final int depth, final boolean saturates,
                           final boolean exclusive) {
        this.rows = rows;
        this.depth = depth;
        this.saturates = saturates;
        this.exclusive = exclusive;
        this.typeD = source.type();
        this.typeA = source.type();
        this.typeB = source.type();
        this.typeC = source.type();
        source.requireOperands(4, 4);
        this.a = sources(source, 1, typeA, rows * depth);
        this.b = sources(source, 2, typeB, COLUMNS * depth);
        this.c = sources(source, 3, typeC, rows * COLUMNS);
        final List<PtxOperand> results = InstructionSource.elements(source.operand(0));
        if (results.size() != registers(typeD, rows * COLUMNS)) {
            throw source.unsupported(results.size() + " registers of D");
        }
        this.d = results.stream().mapToInt(result -> source.destination(result, registerType(typeD))).toArray();
    }

    static Operation decode(final InstructionSource source) {
        source.classify(InstructionClass.TENSOR);
        source.aligned();
        source.require("aligned");
        final String shape = source.modifiers().takePrefixed("m");
        final String[] sizes = shape == null ? new String[0] : shape.substring(1).split("[nk]");
        source.require("row");
        source.require("col");
        final boolean saturates = source.modifiers().take("satfinite");
        if (sizes.length != 3 || !sizes[1].equals("8") || !sizes[0].equals("16") && !sizes[0].equals("8")) {
            throw source.unsupported("shape " + shape);
        }
        final int rows = Integer.parseInt(sizes[0]);
        final int depth = Integer.parseInt(sizes[2]);
        source.countMultiplyAdds(rows * COLUMNS * depth / 32);
        final boolean counts = source.modifiers().take("popc");
        final boolean exclusive = source.modifiers().take("xor");
        if (counts && !exclusive) {
            source.require("and");
        }
        final MatrixMultiply multiply = new MatrixMultiply(source, rows, depth, saturates, exclusive);
        if (counts != (multiply.typeA == PtxType.B1)) {
            throw source.unsupported(".popc belongs to products of bits");
        }
        multiply.requireKnown(source);
        return multiply;
    }

    private void requireKnown(final InstructionSource source) {
        final boolean tile8 = rows == 8;
        final boolean known = switch (typeA) {
            case F16 -> !tile8 && (depth == 8 || depth == 16) && typeB == typeA && isHalfOrFloat(typeC)
                && isHalfOrFloat(typeD);
            case BF16 -> !tile8 && (depth == 8 || depth == 16) && typeB == typeA && accumulates(PtxType.F32);
            case TF32 -> !tile8 && (depth == 4 || depth == 8) && typeB == typeA && accumulates(PtxType.F32);
            case E4M3, E5M2 -> !tile8 && (depth == 16 || depth == 32)
                && (typeB == PtxType.E4M3 || typeB == PtxType.E5M2)
                && isHalfOrFloat(typeC) && isHalfOrFloat(typeD);
            case S8, U8 -> (depth == 16 || depth == 32 && !tile8) && typeB.bits() == 8 && !typeB.isFloat()
                && accumulates(PtxType.S32);
            case S4, U4 -> (depth == 32 || depth == 64 && !tile8) && typeB.bits() == 4 && accumulates(PtxType.S32);
            case B1 -> (depth == 128 || depth == 256 && !tile8) && typeB == typeA && !saturates
                && accumulates(PtxType.S32);
            case F64 -> (depth == 4 || !tile8 && (depth == 8 || depth == 16)) && typeB == typeA
                && accumulates(PtxType.F64);
            default -> false;
        };
        if (!known || saturates && typeC != PtxType.S32) {
            throw source.unsupported("a product of these types and this shape");
        }
    }

    private static boolean isHalfOrFloat(final PtxType type) {
        return type == PtxType.F16 || type == PtxType.F32;
    }

    private boolean accumulates(final PtxType type) {
        return typeC == type && typeD == type;
    }

    private static int[] sources(final InstructionSource source, final int operand, final PtxType type,
                                 final int elements) {
        final List<PtxOperand> registers = InstructionSource.elements(source.operand(operand));
        if (registers.size() != registers(type, elements)) {
            throw source.unsupported(registers.size() + " registers of operand " + operand);
        }
        return registers.stream().mapToInt(register -> source.source(register, registerType(type))).toArray();
    }

    private static int registers(final PtxType type, final int elements) {
        final int bits = type == PtxType.F64 ? 64 : 32;
        return elements / 32 * Math.min(type.bits(), bits) / bits;
    }

    private static PtxType registerType(final PtxType type) {
        return type == PtxType.F64 ? PtxType.F64 : PtxType.B32;
    }

    @Override
    public void execute(final Warp warp, final int mask) {
        switch (typeA) {
            case F64 -> multiplyDoubles(warp);
            case S8, U8, S4, U4, B1 -> multiplyIntegers(warp);
            default -> multiplyFloats(warp);
        }
        warp.synchroniseLanes(mask);
    }

    private void multiplyFloats(final Warp warp) {
        final float[] left = new float[rows * depth];
        final float[] right = new float[depth * COLUMNS];
        final float[] sums = new float[rows * COLUMNS];
        for (int r = 0; r < a.length; r++) {
            decode(typeA, warp.ints(a[r]), left, r, true);
        }
        for (int r = 0; r < b.length; r++) {
            decode(typeB, warp.ints(b[r]), right, r, false);
        }
        readSums(warp, sums);
        for (int row = 0; row < rows; row++) {
            accumulate(left, right, sums, row);
        }
        writeSums(warp, sums);
    }

    private void accumulate(final float[] left, final float[] right, final float[] sums, final int row) {
        final int at = row * COLUMNS;
        float s0 = sums[at];
        float s1 = sums[at + 1];
        float s2 = sums[at + 2];
        float s3 = sums[at + 3];
        float s4 = sums[at + 4];
        float s5 = sums[at + 5];
        float s6 = sums[at + 6];
        float s7 = sums[at + 7];
        for (int k = 0; k < depth; k++) {
            final float x = left[row * depth + k];
            final int column = k * COLUMNS;
            s0 += x * right[column];
            s1 += x * right[column + 1];
            s2 += x * right[column + 2];
            s3 += x * right[column + 3];
            s4 += x * right[column + 4];
            s5 += x * right[column + 5];
            s6 += x * right[column + 6];
            s7 += x * right[column + 7];
        }
        sums[at] = s0;
        sums[at + 1] = s1;
        sums[at + 2] = s2;
        sums[at + 3] = s3;
        sums[at + 4] = s4;
        sums[at + 5] = s5;
        sums[at + 6] = s6;
        sums[at + 7] = s7;
    }

    /** Elements of one register: of A to [row][k], of B to [k][column]. */
    private void decode(final PtxType type, final int[] register, final float[] matrix, final int r,
                        final boolean isLeft) {
        final int elements = 32 / type.bits();
        for (int lane = 0; lane < 32; lane++) {
            final int group = lane >> 2;
            final int first = elements * (lane & 3) + 4 * elements * (isLeft ? leftBlock(r) : r);
            final int bits = register[lane];
            for (int j = 0; j < elements; j++) {
                final float value = switch (type) {
                    case BF16 -> Float.intBitsToFloat(j == 0 ? bits << 16 : bits & 0xffff0000);
                    case F16 -> Halves.fromHalf(bits >>> 16 * j);
                    case TF32 -> Float.intBitsToFloat(bits & 0xffffe000);
                    case E4M3 -> Eights.E4M3[bits >>> 8 * j & 0xff];
                    default -> Eights.E5M2[bits >>> 8 * j & 0xff];
                };
                if (isLeft) {
                    matrix[(group + leftRow(r)) * depth + first + j] = value;
                } else {
                    matrix[(first + j) * COLUMNS + group] = value;
                }
            }
        }
    }

    private int leftRow(final int r) {
        return rows == 8 ? 0 : 8 * (r & 1);
    }

    private int leftBlock(final int r) {
        return rows == 8 ? r : r >> 1;
    }

    private void readSums(final Warp warp, final float[] sums) {
        for (int lane = 0; lane < 32; lane++) {
            for (int i = 0; i < rows / 4; i++) {
                sums[place(lane, i)] = typeC == PtxType.F32 ? Float.intBitsToFloat(warp.ints(c[i])[lane])
                    : Halves.fromHalf(warp.ints(c[i / 2])[lane] >>> 16 * (i & 1) & 0xffff);
            }
        }
    }

    private void writeSums(final Warp warp, final float[] sums) {
        for (int lane = 0; lane < 32; lane++) {
            if (typeD == PtxType.F32) {
                for (int i = 0; i < d.length; i++) {
                    warp.ints(d[i])[lane] = Float.floatToRawIntBits(sums[place(lane, i)]);
                }
            } else {
                for (int i = 0; i < d.length; i++) {
                    warp.ints(d[i])[lane] = Halves.toHalf(sums[place(lane, 2 * i)])
                        | Halves.toHalf(sums[place(lane, 2 * i + 1)]) << 16;
                }
            }
        }
    }

    private static int place(final int lane, final int i) {
        return ((lane >> 2) + 8 * (i >> 1)) * COLUMNS + 2 * (lane & 3) + (i & 1);
    }

    private void multiplyIntegers(final Warp warp) {
        final int[][] left = new int[rows][depth];
        final int[][] right = new int[depth][COLUMNS];
        final int elements = 32 / typeA.bits();
        for (int lane = 0; lane < 32; lane++) {
            for (int j = 0; j < elements; j++) {
                final int column = elements * (lane & 3) + j;
                for (int r = 0; r < a.length; r++) {
                    left[(lane >> 2) + leftRow(r)][4 * elements * leftBlock(r) + column] =
                        integer(typeA, warp.ints(a[r])[lane] >>> typeA.bits() * j);
                }
                for (int r = 0; r < b.length; r++) {
                    right[4 * elements * r + column][lane >> 2] =
                        integer(typeB, warp.ints(b[r])[lane] >>> typeB.bits() * j);
                }
            }
        }
        for (int lane = 0; lane < 32; lane++) {
            for (int i = 0; i < d.length; i++) {
                final long sum = warp.ints(c[i])[lane] + dot(left, right, place(lane, i));
                warp.ints(d[i])[lane] = (int) (saturates ? Math.clamp(sum, Integer.MIN_VALUE, Integer.MAX_VALUE) : sum);
            }
        }
    }

    private long dot(final int[][] left, final int[][] right, final int place) {
        long sum = 0;
        for (int k = 0; k < depth; k++) {
            final int x = left[place / COLUMNS][k];
            final int y = right[k][place % COLUMNS];
            sum += exclusive ? x ^ y : (long) x * y;
        }
        return sum;
    }

    /** The lowest element of a register. */
    private static int integer(final PtxType type, final int bits) {
        final int above = Integer.SIZE - type.bits();
        return type.isSigned() ? bits << above >> above : bits << above >>> above;
    }

    private void multiplyDoubles(final Warp warp) {
        final double[] results = new double[32 * d.length];
        for (int lane = 0; lane < 32; lane++) {
            for (int i = 0; i < d.length; i++) {
                final int row = place(lane, i) / COLUMNS;
                final int column = place(lane, i) % COLUMNS;
                double sum = Double.longBitsToDouble(warp.longs(c[i])[lane]);
                for (int k = 0; k < depth; k++) {
                    final int r = rows == 8 ? k / 4 : 2 * (k / 4) + row / 8;
                    final double x = Double.longBitsToDouble(warp.longs(a[r])[4 * (row % 8) + k % 4]);
                    final double y = Double.longBitsToDouble(warp.longs(b[k / 4])[4 * column + k % 4]);
                    sum = Math.fma(x, y, sum);
                }
                results[d.length * lane + i] = sum;
            }
        }
        for (int lane = 0; lane < 32; lane++) {
            for (int i = 0; i < d.length; i++) {
                warp.longs(d[i])[lane] = Double.doubleToRawLongBits(results[d.length * lane + i]);
            }
        }
    }

    /** The values of all bit patterns of the formats of 8 bits. */
    private static final class Eights {
        private static final float[] E4M3 = table(FloatFormat.E4M3);
        private static final float[] E5M2 = table(FloatFormat.E5M2);

        private static float[] table(final FloatFormat format) {
            final float[] values = new float[256];
            for (int bits = 0; bits < values.length; bits++) {
                values[bits] = (float) format.decode(bits);
            }
            return values;
        }
    }
}
