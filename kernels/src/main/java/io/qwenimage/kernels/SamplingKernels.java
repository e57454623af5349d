package io.qwenimage.kernels;

import io.qwenimage.kernels.driver.CudaDevice;
import io.qwenimage.kernels.driver.CudaStream;
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
        launch(stream, "argmax", logits, new KernelArguments().pointer(logits).optionalPointer(seen).pointer(token)
                .i32(logits.size(0)).f32(repetitionPenalty));
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
        launch(stream, "sample", logits, new KernelArguments().pointer(logits).optionalPointer(seen)
                .pointer(workspace).pointer(token).i32(logits.size(0)).f32(settings.repetitionPenalty())
                .i64(Double.doubleToRawLongBits(settings.temperature())).i32(settings.topK())
                .i64(Double.doubleToRawLongBits(settings.topP())).i64(Double.doubleToRawLongBits(uniform)));
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

    private void launch(final CudaStream stream, final String kernel, final TensorView logits,
            final KernelArguments arguments) {
        device.module("sampling").kernel(kernel + "_" + logits.type().suffix())
                .launch(stream, LaunchGeometry.of(1, THREADS), arguments);
    }
}
