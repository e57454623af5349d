package io.qwenimage.kernels;

import io.qwenimage.kernels.driver.CudaDevice;
import io.qwenimage.kernels.driver.CudaStream;
import io.qwenimage.kernels.driver.DeviceBuffer;
import io.qwenimage.kernels.driver.ElementType;
import io.qwenimage.kernels.driver.KernelArguments;
import io.qwenimage.kernels.driver.LaunchGeometry;
import io.qwenimage.kernels.driver.TensorView;

/**
 * Chooses the next token on the device, {@code sampling.cu}. Tokens that were seen are bits of 32-bit words, [ceil(v /
 * 32)], I32; the chosen one is added. Every method throws {@link IllegalArgumentException} for operands that do not
 * fit.
 */
public final class SamplingKernels {
    private static final int THREADS = 512;
    /** Tokens of a block. */
    private static final int PART = 2048;
    /** Digits of a boundary: for top-k the first four steps of the search, for top-p the last four. */
    private static final int DIGITS = 4;
    private static final int SEARCH_BYTES = 32;
    private static final int BINS_BYTES = 256 * Long.BYTES;
    private static final int SCRATCH_BYTES = (2 * DIGITS + 1) * SEARCH_BYTES + 2 * DIGITS * BINS_BYTES;
    private static final int PART_BYTES = 3 * Long.BYTES;
    /** Numbers of a sector. */
    private static final int SECTOR = 4;

    private final CudaDevice device;

    /** Launchers of a device. */
    public SamplingKernels(final CudaDevice device) {
        this.device = device;
    }

    /**
     * How a token is drawn; the order of the steps is that of transformers.
     *
     * @param repetitionPenalty divides positive and multiplies negative logits of tokens that were seen; 1 for none
     * @param temperature       divides the logits
     * @param topK              how many of the best remain, and what is as good as the last of them; 0 for all
     * @param topP              the fewest best with this probability remain; 1 for all
     */
    public record Settings(float repetitionPenalty, double temperature, int topK, double topP) {
        /** Checks the ranges. */
        public Settings {
            if (!(repetitionPenalty > 0) || !(temperature > 0) || topK < 0 || !(topP > 0) || topP > 1) {
                throw new IllegalArgumentException("repetition penalty " + repetitionPenalty + ", temperature "
                        + temperature + ", top-k " + topK + ", top-p " + topP
                        + ": the first two must be positive, top-k not negative, top-p in (0, 1]");
            }
        }
    }

    /**
     * The first of the largest logits after the repetition penalty.
     *
     * @param logits [vocabulary], BF16, F16 or F32
     * @param seen   bits of tokens that were seen, or null for no penalty
     * @param token  [1], I32: the result
     */
    public void argmax(final CudaStream stream, final TensorView logits, final TensorView seen,
            final float repetitionPenalty, final TensorView token) {
        check(logits, seen, token);
        final int vocabulary = (int) logits.size(0);
        try (DeviceBuffer scratch = scratch(stream, vocabulary)) {
            launch(stream, typed("argmax_parts", logits), parts(vocabulary), new KernelArguments().pointer(logits)
                    .optionalPointer(seen).pointer(scratch).i32(vocabulary).f32(repetitionPenalty));
            launch(stream, typed("argmax", logits), 1, new KernelArguments().pointer(logits).optionalPointer(seen)
                    .pointer(scratch).pointer(token).i32(vocabulary));
        }
    }

    /**
     * Draws a token.
     *
     * @param logits    [vocabulary], BF16, F16 or F32
     * @param seen      bits of tokens that were seen, or null for no penalty
     * @param workspace [vocabulary], I32; overwritten
     * @param uniform   from 0, inclusive, to 1, exclusive
     * @param token     [1], I32: the result, -1 where nothing can be drawn (an infinite logit, or none that is finite)
     */
    public void sample(final CudaStream stream, final TensorView logits, final TensorView seen,
            final TensorView workspace, final Settings settings, final double uniform, final TensorView token) {
        check(logits, seen, token);
        Operands.dense("workspace", workspace, ElementType.I32, logits.size(0));
        if (!(uniform >= 0) || uniform >= 1) {
            throw new IllegalArgumentException("uniform number " + uniform + " is outside of [0, 1)");
        }
        final int vocabulary = (int) logits.size(0);
        final int parts = parts(vocabulary);
        final boolean best = settings.topK() > 0 && settings.topK() < vocabulary;
        final boolean likely = settings.topP() < 1;
        final int begin = best ? 0 : DIGITS;
        final int end = likely ? 2 * DIGITS : best ? DIGITS : 0;
        final long temperature = Double.doubleToRawLongBits(settings.temperature());
        final long topP = Double.doubleToRawLongBits(settings.topP());
        try (DeviceBuffer scratch = scratch(stream, vocabulary)) {
            launch(stream, typed("sample_orders", logits), parts, new KernelArguments().pointer(logits)
                    .optionalPointer(seen).pointer(workspace).pointer(scratch).i32(vocabulary)
                    .f32(settings.repetitionPenalty()));
            for (int step = begin; step < end; step++) {
                launch(stream, "sample_digit", parts, new KernelArguments().pointer(workspace).pointer(scratch)
                        .i32(vocabulary).i32(step).i32(step == begin ? 1 : 0).i64(temperature).i32(settings.topK())
                        .i64(topP));
            }
            launch(stream, "sample_parts", parts, new KernelArguments().pointer(workspace).pointer(scratch)
                    .i32(vocabulary).i32(end).i64(temperature).i64(topP));
            launch(stream, "sample_draw", 1, new KernelArguments().pointer(workspace).pointer(scratch)
                    .optionalPointer(seen).pointer(token).i32(vocabulary).i32(end).i64(temperature).i64(topP)
                    .i64(Double.doubleToRawLongBits(uniform)));
        }
    }

    private static void check(final TensorView logits, final TensorView seen, final TensorView token) {
        Operands.floating("logits", logits).requireShape("logits", -1).requireContiguous("logits");
        final long vocabulary = logits.size(0);
        if (vocabulary < 1 || vocabulary > Integer.MAX_VALUE / 2) {
            throw new IllegalArgumentException("logits are " + logits + ", but must have 1 to 2^30 elements");
        }
        Operands.optional("seen", seen, ElementType.I32, Math.ceilDiv(vocabulary, Integer.SIZE));
        Operands.dense("token", token, ElementType.I32, 1);
    }

    private static int parts(final int vocabulary) {
        return Math.ceilDiv(vocabulary, PART);
    }

    private static DeviceBuffer scratch(final CudaStream stream, final int vocabulary) {
        return stream.allocate(SCRATCH_BYTES + (long) PART_BYTES * Operands.roundUp(parts(vocabulary), SECTOR));
    }

    private static String typed(final String kernel, final TensorView logits) {
        return kernel + "_" + logits.type().suffix();
    }

    private void launch(final CudaStream stream, final String kernel, final int blocks,
            final KernelArguments arguments) {
        device.module("sampling").kernel(kernel).launch(stream, LaunchGeometry.of(blocks, THREADS), arguments);
    }
}
