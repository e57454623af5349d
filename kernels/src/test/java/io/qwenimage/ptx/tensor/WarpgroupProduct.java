package io.qwenimage.ptx.tensor;

/**
 * The arithmetic of one warp's part of a {@code wgmma}: D [16, n] = D + A [16, k] B [k, n]. Products of floats are
 * exact and their sum is rounded to float once for each instruction, which is at least as exact as a device; whole
 * numbers wrap or saturate.
 */
final class WarpgroupProduct {
    /** Rows of A and D that a warp has. */
    static final int ROWS = 16;

    private WarpgroupProduct() {
    }

    /**
     * Adds a product of floats.
     *
     * @param a [16, k]
     * @param b [k, n]
     * @param d [16, n], changed
     */
    static void addFloats(final float[] a, final float[] b, final float[] d, final int depth, final int n) {
        final double[] sums = new double[n];
        for (int row = 0; row < ROWS; row++) {
            for (int column = 0; column < n; column++) {
                sums[column] = d[row * n + column];
            }
            for (int k = 0; k < depth; k++) {
                final double factor = a[row * depth + k];
                final int from = k * n;
                for (int column = 0; column < n; column++) {
                    sums[column] += factor * b[from + column];
                }
            }
            for (int column = 0; column < n; column++) {
                d[row * n + column] = (float) sums[column];
            }
        }
    }

    /** Adds a product of whole numbers, which lie in floats; d holds integers. */
    static void addIntegers(final float[] a, final float[] b, final int[] d, final int depth, final int n,
                            final boolean saturates) {
        for (int row = 0; row < ROWS; row++) {
            for (int column = 0; column < n; column++) {
                int dot = 0;
                for (int k = 0; k < depth; k++) {
                    dot += (int) a[row * depth + k] * (int) b[k * n + column];
                }
                final long sum = (long) d[row * n + column] + dot;
                d[row * n + column] = saturates ? Math.clamp(sum, Integer.MIN_VALUE, Integer.MAX_VALUE) : (int) sum;
            }
        }
    }
}
