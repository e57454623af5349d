package io.qwenimage.kernels;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.kernels.driver.ElementType;
import io.qwenimage.kernels.driver.TensorView;
import java.util.Random;

/**
 * Attention of some sequences, in double precision from the very operands of the kernel, and what the plain
 * composition in the operands' type makes of it: probabilities and outputs rounded to the type.
 */
final class AttentionCase {
    private static final double EPSILON = 0x1p-10;
    private static final double SINGLE_EPSILON = 0x1p-19;

    final int[] queryOffsets;
    final int[] keyOffsets;
    final int heads;
    final int keyHeads;
    final int width;
    final ElementType type;
    boolean causal;
    double magnitude = 1;
    private final float[][] operands = new float[3][];
    private double[] exact;
    private double[] composed;

    AttentionCase(final ElementType type, final int heads, final int keyHeads, final int width, final int[] queries,
            final int[] keys) {
        this.type = type;
        this.heads = heads;
        this.keyHeads = keyHeads;
        this.width = width;
        this.queryOffsets = offsets(queries);
        this.keyOffsets = offsets(keys);
    }

    static AttentionCase of(final ElementType type, final int heads, final int keyHeads, final int width,
            final int queries, final int keys) {
        return new AttentionCase(type, heads, keyHeads, width, new int[] {queries}, new int[] {keys});
    }

    AttentionCase causal() {
        causal = true;
        return this;
    }

    AttentionCase magnitude(final double of) {
        magnitude = of;
        return this;
    }

    int queries() {
        return queryOffsets[queryOffsets.length - 1];
    }

    int keys() {
        return keyOffsets[keyOffsets.length - 1];
    }

    float scale() {
        return (float) (1 / Math.sqrt(width));
    }

    /** Query, key and value as the first columns of wider rows on the device; guards behind them are not numbers. */
    TensorView[] upload(final KernelDevice device, final long seed, final int padding) {
        final Random random = new Random(seed);
        final TensorView[] views = new TensorView[3];
        for (int i = 0; i < 3; i++) {
            final int rows = i == 0 ? queries() : keys();
            final int columns = (i == 0 ? heads : keyHeads) * width;
            final float[] wide = new float[rows * (columns + padding)];
            operands[i] = new float[rows * columns];
            for (int row = 0; row < rows; row++) {
                for (int column = 0; column < columns + padding; column++) {
                    final float value = column < columns
                            ? KernelDevice.round((float) (random.nextGaussian() * magnitude), type) : Float.NaN;
                    wide[row * (columns + padding) + column] = value;
                    if (column < columns) {
                        operands[i][row * columns + column] = value;
                    }
                }
            }
            final TensorView all = device.upload(wide, type, rows, columns + padding);
            views[i] = new TensorView(all.address(), type, new long[] {rows, i == 0 ? heads : keyHeads, width},
                    new long[] {columns + padding, width, 1});
        }
        compute();
        return views;
    }

    private void compute() {
        exact = new double[queries() * heads * width];
        composed = exact.clone();
        for (int s = 0; s + 1 < queryOffsets.length; s++) {
            for (int row = queryOffsets[s]; row < queryOffsets[s + 1]; row++) {
                final int keys = keyOffsets[s + 1] - keyOffsets[s];
                final int seen = causal ? Math.min(keys, keys - queryOffsets[s + 1] + row + 1) : keys;
                for (int head = 0; head < heads; head++) {
                    row(row, head, keyOffsets[s], seen);
                }
            }
        }
    }

    private void row(final int row, final int head, final int firstKey, final int seen) {
        final int keyHead = head / (heads / keyHeads);
        final double[] weights = new double[Math.max(seen, 0)];
        double largest = Double.NEGATIVE_INFINITY;
        for (int key = 0; key < seen; key++) {
            for (int d = 0; d < width; d++) {
                weights[key] += (double) operands[0][(row * heads + head) * width + d]
                        * operands[1][((firstKey + key) * keyHeads + keyHead) * width + d];
            }
            weights[key] *= scale();
            largest = Math.max(largest, weights[key]);
        }
        double sum = 0;
        for (int key = 0; key < seen; key++) {
            weights[key] = Math.exp(weights[key] - largest);
            sum += weights[key];
        }
        for (int d = 0; d < width && seen > 0; d++) {
            double value = 0;
            double rounded = 0;
            for (int key = 0; key < seen; key++) {
                final float v = operands[2][((firstKey + key) * keyHeads + keyHead) * width + d];
                value += weights[key] / sum * v;
                rounded += KernelDevice.round((float) (weights[key] / sum), type) * v;
            }
            exact[(row * heads + head) * width + d] = value;
            composed[(row * heads + head) * width + d] = KernelDevice.round((float) rounded, type);
        }
    }

    /** At most twice the composition's largest error, plus 2^-10 (F32: 2^-19) of the largest output. */
    void require(final String name, final float[] actual) {
        double error = 0;
        double largest = 0;
        for (int i = 0; i < exact.length; i++) {
            error = Math.max(error, Math.abs(composed[i] - exact[i]));
            largest = Math.max(largest, Math.abs(exact[i]));
        }
        final double allowed = 2 * error + largest * (type == ElementType.F32 ? SINGLE_EPSILON : EPSILON);
        for (int i = 0; i < exact.length; i++) {
            final int at = i;
            assertTrue(Math.abs(actual[i] - exact[i]) <= allowed, () -> name + ": row " + at / width / heads + ", head "
                    + at / width % heads + ", column " + at % width + " is " + actual[at] + ", not " + exact[at]
                    + " within " + allowed);
        }
    }

    private static int[] offsets(final int[] lengths) {
        final int[] offsets = new int[lengths.length + 1];
        for (int i = 0; i < lengths.length; i++) {
            offsets[i + 1] = offsets[i] + lengths[i];
        }
        return offsets;
    }
}
