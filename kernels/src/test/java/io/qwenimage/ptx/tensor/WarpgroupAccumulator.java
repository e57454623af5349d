package io.qwenimage.ptx.tensor;

import io.qwenimage.ptx.text.PtxType;
import java.util.Arrays;

/**
 * The accumulators of one warp while products are under way: the registers themselves hold garbage until the values
 * come back to them.
 */
final class WarpgroupAccumulator {
    /** A quiet NaN that tells where it comes from. */
    private static final int GARBAGE = 0x7fff_dead;

    private final WarpgroupShape shape;
    private final int[][] registers;
    private final int[][] values;
    private int users;

    /** Takes the values of the registers. */
    WarpgroupAccumulator(final WarpgroupShape shape, final int[][] registers) {
        this.shape = shape;
        this.registers = registers;
        this.values = new int[registers.length][];
        for (int i = 0; i < registers.length; i++) {
            values[i] = registers[i].clone();
            Arrays.fill(registers[i], GARBAGE);
        }
    }

    /** Whether it is made of the same registers. */
    boolean isOf(final int[][] others) {
        return registers.length == others.length && registers[0] == others[0];
    }

    boolean overlaps(final int[][] others) {
        for (final int[] register : registers) {
            for (final int[] other : others) {
                if (register == other) {
                    return true;
                }
            }
        }
        return false;
    }

    WarpgroupShape shape() {
        return shape;
    }

    void acquire() {
        users++;
    }

    /** Gives the values back to the registers when no product is under way any more; returns whether it did. */
    boolean release() {
        if (--users > 0) {
            return false;
        }
        for (int i = 0; i < registers.length; i++) {
            System.arraycopy(values[i], 0, registers[i], 0, registers[i].length);
        }
        return true;
    }

    /** The values as a matrix [16, n] of whole numbers. */
    int[] integers(final boolean zero) {
        final int[] matrix = new int[WarpgroupProduct.ROWS * shape.n()];
        for (int i = 0; !zero && i < shape.n() / 2; i++) {
            for (int lane = 0; lane < 32; lane++) {
                matrix[place(lane, i)] = values[i][lane];
            }
        }
        return matrix;
    }

    void setIntegers(final int[] matrix) {
        for (int i = 0; i < shape.n() / 2; i++) {
            for (int lane = 0; lane < 32; lane++) {
                values[i][lane] = matrix[place(lane, i)];
            }
        }
    }

    /** The values as a matrix [16, n] of floats. */
    float[] floats(final boolean zero) {
        final float[] matrix = new float[WarpgroupProduct.ROWS * shape.n()];
        for (int i = 0; !zero && i < shape.n() / 2; i++) {
            for (int lane = 0; lane < 32; lane++) {
                matrix[place(lane, i)] = isHalf()
                    ? Float.float16ToFloat((short) (values[i / 2][lane] >>> i % 2 * 16))
                        : Float.intBitsToFloat(values[i][lane]);
            }
        }
        return matrix;
    }

    void setFloats(final float[] matrix) {
        for (int i = 0; i < shape.n() / 2; i++) {
            for (int lane = 0; lane < 32; lane++) {
                final float value = matrix[place(lane, i)];
                if (!isHalf()) {
                    values[i][lane] = Float.floatToRawIntBits(value);
                } else {
                    final int bits = Float.floatToFloat16(value) & 0xffff;
                    final int other = values[i / 2][lane];
                    values[i / 2][lane] = i % 2 == 0 ? other & 0xffff_0000 | bits : other & 0xffff | bits << 16;
                }
            }
        }
    }

    private boolean isHalf() {
        return shape.accumulator() == PtxType.F16;
    }

    private int place(final int lane, final int i) {
        return WarpgroupFragment.accumulatorRow(lane, i) * shape.n() + WarpgroupFragment.accumulatorColumn(lane, i);
    }
}
