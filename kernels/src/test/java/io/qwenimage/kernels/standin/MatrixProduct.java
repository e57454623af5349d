package io.qwenimage.kernels.standin;

import io.qwenimage.ptx.memory.MemoryRegion;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongUnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import jcuda.driver.CUresult;

/**
 * A product that waits for its turn: alpha A' B, plus bias for each row of the result, tanh GELU if the epilogue asks
 * for it, plus beta C. Accumulated in double precision and rounded once, so nearer to the truth than any order of
 * single-precision sums.
 */
final class MatrixProduct implements Work {
    private static final int INVALID_VALUE = 7;
    private static final int GELU_BIT = 32;
    private static final int KNOWN_EPILOGUES = 1 | 4 | GELU_BIT;

    private final Session session;
    private final PosedContext context;
    private final Extents extents;
    private final boolean gelu;
    private final long a;
    private final long b;
    private final long bias;
    private final long c;
    private final long d;
    private final float alpha;
    private final float beta;

    /**
     * Sizes and distances.
     *
     * @param m    rows of the result, columns of A
     * @param n    columns of the result and of B
     * @param k    rows of A and B
     * @param type of all elements
     */
    record Extents(long m, long n, long k, long lda, long ldb, long ldd, int type) {
    }

    MatrixProduct(final Session session, final PosedContext context, final Extents extents, final int epilogue,
                  final long a, final long b, final long bias, final long c, final long d, final float alpha,
                  final float beta) {
        MatrixCalls.require((epilogue & ~KNOWN_EPILOGUES) == 0, INVALID_VALUE, "epilogue " + epilogue);
        this.session = session;
        this.context = context;
        this.extents = extents;
        gelu = (epilogue & GELU_BIT) != 0;
        this.a = a;
        this.b = b;
        this.bias = bias;
        this.c = beta == 0 ? d : c;
        this.d = d;
        this.alpha = alpha;
        this.beta = beta;
    }

    /** What must be aligned. */
    List<Long> addresses() {
        return LongStream.of(a, b, bias, c, d).filter(address -> address != 0).boxed().toList();
    }

    /** Refuses matrices that leave their memory. */
    void requireRanges() {
        for (final long[] range : ranges()) {
            MatrixCalls.require(range[1] == 0 || context.holds(range[0], range[1]), INVALID_VALUE,
                    "a matrix of " + range[1] + " bytes at 0x" + Long.toHexString(range[0]) + ", which "
                            + session.ownerOf(range[0]));
        }
    }

    private List<long[]> ranges() {
        final int bytes = MatrixLayout.bytes(extents.type);
        return List.of(new long[] {a, ((extents.m - 1) * extents.lda + extents.k) * bytes},
                new long[] {b, ((extents.n - 1) * extents.ldb + extents.k) * bytes},
                new long[] {bias, bias == 0 ? 0 : extents.m * bytes},
                new long[] {c, ((extents.n - 1) * extents.ldd + extents.m) * bytes},
                new long[] {d, ((extents.n - 1) * extents.ldd + extents.m) * bytes});
    }

    @Override
    public List<Access> accesses() {
        return ranges().stream().filter(range -> range[1] > 0)
                .map(range -> new Access(range[0], range[1], range[0] == d)).toList();
    }

    @Override
    public boolean run() {
        for (final long[] range : ranges()) {
            if (range[1] > 0 && !context.holds(range[0], range[1])) {
                session.find("a matrix product comes to 0x" + Long.toHexString(range[0]) + ", which "
                        + session.ownerOf(range[0]));
                context.breakBy(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS);
                return true;
            }
        }
        final int m = Math.toIntExact(extents.m);
        final float[][] left = read("A", a, extents.k, m, extents.lda);
        final float[][] right = read("B", b, extents.k, (int) extents.n, extents.ldb);
        final float[] biases = bias == 0 ? new float[m] : read("the bias", bias, m, 1, m)[0];
        final float[][] residual = beta == 0 ? null : read("C", c, m, (int) extents.n, extents.ldd);
        final float[][] result = new float[(int) extents.n][];
        IntStream.range(0, result.length).parallel().forEach(column -> result[column] =
                column(left, right[column], biases, residual == null ? null : residual[column]));
        write(result);
        return true;
    }

    private float[] column(final float[][] left, final float[] right, final float[] biases, final float[] residual) {
        final float[] result = new float[left.length];
        for (int row = 0; row < result.length; row++) {
            double sum = 0;
            for (int i = 0; i < right.length; i++) {
                sum += (double) left[row][i] * right[i];
            }
            double value = alpha * sum + biases[row];
            if (residual != null) {
                // cuBLASLt's epilogues come after C has been added.
                value += (double) beta * residual[row];
            }
            result[row] = (float) (gelu ? gelu(value) : value);
        }
        return result;
    }

    private static double gelu(final double x) {
        return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
    }

    private float[][] read(final String name, final long address, final long rows, final int columns, final long ld) {
        final MemoryRegion region = context.memory().range(address, 1);
        final LongUnaryOperator place = column -> address - region.base()
                + column * ld * MatrixLayout.bytes(extents.type);
        final float[][] values = new float[columns][];
        for (int column = 0; column < columns; column++) {
            final int start = (int) place.applyAsLong(column);
            if (!region.isWritten(start, (int) rows * MatrixLayout.bytes(extents.type))) {
                session.find("a matrix product reads memory never written: column " + column + " of " + name + ", "
                        + extents);
            }
            values[column] = new float[(int) rows];
            for (int row = 0; row < rows; row++) {
                values[column][row] = get(region, start + row * MatrixLayout.bytes(extents.type));
            }
        }
        return values;
    }

    private float get(final MemoryRegion region, final int index) {
        return switch (extents.type) {
            case MatrixLayout.F32 -> Float.intBitsToFloat(region.getInt(index));
            case MatrixLayout.BF16 -> Float.intBitsToFloat(region.getShort(index) << 16);
            default -> Float.float16ToFloat(region.getShort(index));
        };
    }

    private void write(final float[][] result) {
        final MemoryRegion region = context.memory().range(d, 1);
        final int bytes = MatrixLayout.bytes(extents.type);
        for (int column = 0; column < result.length; column++) {
            final int start = (int) (d - region.base() + column * extents.ldd * bytes);
            for (int row = 0; row < result[column].length; row++) {
                put(region, start + row * bytes, result[column][row]);
            }
            region.markWritten(start, result[column].length * bytes);
        }
    }

    private void put(final MemoryRegion region, final int index, final float value) {
        switch (extents.type) {
            case MatrixLayout.F32 -> region.putInt(index, Float.floatToRawIntBits(value));
            case MatrixLayout.BF16 -> region.putShort(index, toBfloat16(value));
            default -> region.putShort(index, Float.floatToFloat16(value));
        }
    }

    /** Rounds to nearest, ties to even; NaN stays NaN. */
    static short toBfloat16(final float value) {
        final int bits = Float.floatToRawIntBits(value);
        if (Float.isNaN(value)) {
            return (short) (bits >>> 16 | 0x40);
        }
        return (short) (bits + 0x7fff + (bits >>> 16 & 1) >>> 16);
    }

    @Override
    public String toString() {
        return "matrix product of " + extents + Arrays.toString(new float[] {alpha, beta});
    }
}
