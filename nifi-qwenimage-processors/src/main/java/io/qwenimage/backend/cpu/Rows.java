package io.qwenimage.backend.cpu;

import io.qwenimage.backend.Activation;
import io.qwenimage.backend.RotaryTable;
import java.nio.FloatBuffer;

/**
 * Operations that treat rows one by one: norms, modulation, rotation, guidance. Rows are copied into arrays, because
 * the JVM vectorises loops over arrays; sums run over several accumulators for the same reason and for accuracy.
 */
final class Rows {
    private static final int MINIMUM_ROWS = 8;
    private static final int CHUNK = 1 << 13;
    private static final float SMALLEST_NORM = 1e-12f;

    private final WorkerPool workers;

    /** The row operations of one backend. */
    Rows(final WorkerPool workers) {
        this.workers = workers;
    }

    /** (x - mean) / sqrt(var + eps) (1 + scale) + shift for rows of x. */
    void adaLayerNorm(final CpuTensor x, final float[] shift, final float[] scale, final float eps,
            final CpuTensor result) {
        final float[] factors = new float[scale.length];
        for (int i = 0; i < factors.length; i++) {
            factors[i] = 1 + scale[i];
        }
        layerNorm(x, factors, shift, eps, result);
    }

    /** (x - mean) / sqrt(var + eps) weight + bias for rows of x. */
    void layerNorm(final CpuTensor x, final float[] weight, final float[] bias, final float eps,
            final CpuTensor result) {
        Normalisation.run(workers, x, weight, bias, eps, Activation.NONE, result);
    }

    /** x / sqrt(mean(x^2) + eps) * weight for rows of x. */
    void rmsNorm(final CpuTensor x, final float[] weight, final float eps, final CpuTensor result) {
        Normalisation.run(workers, x, weight, null, eps, Activation.NONE, result);
    }

    /** activation(x / max(|x|, 1e-12) sqrt(C) gamma) for pixels of x. */
    void channelNorm(final CpuTensor x, final float[] gamma, final Activation activation, final CpuTensor result) {
        // |x| = sqrt(C mean(x^2)); the bound on |x| only keeps pixels of zeros from a division by zero.
        final float eps = SMALLEST_NORM * SMALLEST_NORM / gamma.length;
        Normalisation.run(workers, x, gamma, null, eps, activation, result);
    }

    /** residual + gate * x for rows. */
    void gatedAdd(final CpuTensor residual, final CpuTensor x, final float[] gate, final CpuTensor result) {
        final int width = x.shape().intExtent(-1);
        workers.runRows(x.shape().rows(), MINIMUM_ROWS, (worker, first, end) -> {
            final float[] row = worker.floats(0, width);
            final float[] base = worker.floats(1, width);
            for (long i = first; i < end; i++) {
                load(x, i, row, width);
                load(residual, i, base, width);
                multiplyAdd(row, gate, base, width);
                store(row, result, i, width);
            }
        });
    }

    /** a + b for all elements. */
    void add(final CpuTensor a, final CpuTensor b, final CpuTensor result) {
        overChunks(a.shape().elements(), (worker, start, count) -> {
            final float[] left = worker.floats(0, CHUNK);
            final float[] right = worker.floats(1, CHUNK);
            Address.floats(a.address(start), count).get(left, 0, count);
            Address.floats(b.address(start), count).get(right, 0, count);
            sumInto(left, right, count);
            Address.floats(result.address(start), count).put(left, 0, count);
        });
    }

    /** activation(x) [* factor] for all elements. */
    void pointwise(final Activation activation, final CpuTensor x, final CpuTensor factor, final CpuTensor result) {
        overChunks(x.shape().elements(), (worker, start, count) -> Pointwise.run(worker, activation,
                x.address(start), factor == null ? 0 : factor.address(start), result.address(start), count));
    }

    /** Norm of each head, then rotation; x [L, H D], result [L, H, D]. */
    void normAndRotate(final CpuTensor x, final int heads, final float[] weight, final float eps,
            final RotaryTable rotary, final CpuTensor result) {
        final int width = x.shape().intExtent(-1);
        final int size = width / heads;
        final CpuTensor cosine = rotary == null ? null : (CpuTensor) rotary.cosine();
        final CpuTensor sine = rotary == null ? null : (CpuTensor) rotary.sine();
        workers.runRows(x.shape().rows(), MINIMUM_ROWS, (worker, first, end) -> {
            final float[] row = worker.floats(0, width);
            final float[] rotated = worker.floats(1, width);
            final float[] cosines = worker.floats(2, size / 2);
            final float[] sines = worker.floats(3, size / 2);
            for (long i = first; i < end; i++) {
                load(x, i, row, width);
                for (int head = 0; weight != null && head < heads; head++) {
                    multiply(row, inverseRms(row, head * size, size, eps), weight, head * size, size);
                }
                if (rotary == null) {
                    store(row, result, i, width);
                    continue;
                }
                load(cosine, i, cosines, size / 2);
                load(sine, i, sines, size / 2);
                for (int head = 0; head < heads; head++) {
                    if (rotary.pairs() == RotaryTable.Pairs.NEIGHBOURS) {
                        rotateNeighbours(row, cosines, sines, rotated, head * size, size / 2);
                    } else {
                        rotateHalves(row, cosines, sines, rotated, head * size, size / 2);
                    }
                }
                store(rotated, result, i, width);
            }
        });
    }

    /** One guided Euler step for tokens; see {@code Backend.guidanceStep}. */
    void guidanceStep(final CpuTensor latents, final CpuTensor conditional, final CpuTensor unconditional,
            final float scale, final float dt, final CpuTensor result) {
        final int width = latents.shape().intExtent(-1);
        workers.runRows(latents.shape().rows(), MINIMUM_ROWS, (worker, first, end) -> {
            final float[] row = worker.floats(0, width);
            final float[] velocity = worker.floats(1, width);
            final float[] without = worker.floats(2, width);
            for (long i = first; i < end; i++) {
                load(latents, i, row, width);
                load(conditional, i, velocity, width);
                float factor = dt;
                if (unconditional != null) {
                    load(unconditional, i, without, width);
                    final double wanted = Math.sqrt(sumOfSquares(velocity, width));
                    guide(velocity, without, scale, width);
                    final double actual = Math.sqrt(sumOfSquares(velocity, width));
                    factor = actual == 0 ? 0 : (float) (dt * wanted / actual);
                }
                step(row, velocity, factor, width);
                store(row, result, i, width);
            }
        });
    }

    /** Every pixel four times: [H, W, C] to [2H, 2W, C]. */
    void upsample(final CpuTensor x, final CpuTensor result) {
        final int columns = x.shape().intExtent(1);
        final int channels = x.shape().intExtent(2);
        final int width = columns * channels;
        workers.runRows(x.shape().extent(0), 1, (worker, first, end) -> {
            final float[] row = worker.floats(0, width);
            final float[] doubled = worker.floats(1, 2 * width);
            for (long i = first; i < end; i++) {
                load(x, i, row, width);
                for (int column = 0; column < columns; column++) {
                    System.arraycopy(row, column * channels, doubled, 2 * column * channels, channels);
                    System.arraycopy(row, column * channels, doubled, (2 * column + 1) * channels, channels);
                }
                store(doubled, result, 2 * i, 2 * width);
                store(doubled, result, 2 * i + 1, 2 * width);
            }
        });
    }

    private void overChunks(final long elements, final ChunkTask task) {
        final long chunks = (elements + CHUNK - 1) / CHUNK;
        workers.runRows(chunks, 1, (worker, first, end) -> {
            for (long chunk = first; chunk < end; chunk++) {
                task.run(worker, chunk * CHUNK, (int) Math.min(CHUNK, elements - chunk * CHUNK));
            }
        });
    }

    private static void load(final CpuTensor from, final long row, final float[] to, final int width) {
        final FloatBuffer source = Address.floats(from.address(row * width), width);
        source.get(to, 0, width);
    }

    private static void store(final float[] from, final CpuTensor to, final long row, final int width) {
        Address.floats(to.address(row * width), width).put(from, 0, width);
    }

    private static float inverseRms(final float[] row, final int start, final int width, final float eps) {
        return (float) (1 / Math.sqrt(sumOfSquares(row, start, width) / width + eps));
    }

    private static float sumOfSquares(final float[] row, final int width) {
        return sumOfSquares(row, 0, width);
    }

    private static float sumOfSquares(final float[] row, final int start, final int width) {
        float s0 = 0;
        float s1 = 0;
        float s2 = 0;
        float s3 = 0;
        float s4 = 0;
        float s5 = 0;
        float s6 = 0;
        float s7 = 0;
        int i = start;
        final int end = start + width;
        for (; i < end - 7; i += 8) {
            s0 += row[i] * row[i];
            s1 += row[i + 1] * row[i + 1];
            s2 += row[i + 2] * row[i + 2];
            s3 += row[i + 3] * row[i + 3];
            s4 += row[i + 4] * row[i + 4];
            s5 += row[i + 5] * row[i + 5];
            s6 += row[i + 6] * row[i + 6];
            s7 += row[i + 7] * row[i + 7];
        }
        for (; i < end; i++) {
            s0 += row[i] * row[i];
        }
        return s0 + s1 + (s2 + s3) + (s4 + s5 + (s6 + s7));
    }

    private static void multiply(final float[] row, final float factor, final float[] weight, final int start,
            final int width) {
        for (int i = 0; i < width; i++) {
            row[start + i] = row[start + i] * factor * weight[i];
        }
    }

    private static void multiplyAdd(final float[] row, final float[] factor, final float[] base, final int width) {
        for (int i = 0; i < width; i++) {
            row[i] = base[i] + factor[i] * row[i];
        }
    }

    private static void sumInto(final float[] left, final float[] right, final int count) {
        for (int i = 0; i < count; i++) {
            left[i] += right[i];
        }
    }

    private static void guide(final float[] conditional, final float[] unconditional, final float scale,
            final int width) {
        for (int i = 0; i < width; i++) {
            conditional[i] = unconditional[i] + scale * (conditional[i] - unconditional[i]);
        }
    }

    private static void step(final float[] row, final float[] velocity, final float factor, final int width) {
        for (int i = 0; i < width; i++) {
            row[i] += factor * velocity[i];
        }
    }

    private static void rotateNeighbours(final float[] x, final float[] cosine, final float[] sine,
            final float[] result, final int start, final int pairs) {
        for (int i = 0; i < pairs; i++) {
            final float real = x[start + 2 * i];
            final float imaginary = x[start + 2 * i + 1];
            result[start + 2 * i] = real * cosine[i] - imaginary * sine[i];
            result[start + 2 * i + 1] = real * sine[i] + imaginary * cosine[i];
        }
    }

    private static void rotateHalves(final float[] x, final float[] cosine, final float[] sine, final float[] result,
            final int start, final int pairs) {
        for (int i = 0; i < pairs; i++) {
            final float real = x[start + i];
            final float imaginary = x[start + pairs + i];
            result[start + i] = real * cosine[i] - imaginary * sine[i];
            result[start + pairs + i] = real * sine[i] + imaginary * cosine[i];
        }
    }

    @FunctionalInterface
    private interface ChunkTask {
        void run(Worker worker, long start, int count);
    }
}
