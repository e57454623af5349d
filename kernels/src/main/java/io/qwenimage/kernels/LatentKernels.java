package io.qwenimage.kernels;

import io.qwenimage.kernels.driver.CudaDevice;
import io.qwenimage.kernels.driver.CudaStream;
import io.qwenimage.kernels.driver.ElementType;
import io.qwenimage.kernels.driver.KernelArguments;
import io.qwenimage.kernels.driver.LaunchGeometry;
import io.qwenimage.kernels.driver.TensorView;

/**
 * Latents between denoiser, scheduler and decoder, and pixels after it, {@code latents.cu}. All tensors are contiguous.
 * Every method throws {@link IllegalArgumentException} for operands that do not fit.
 */
public final class LatentKernels {
    private static final int THREADS = 256;
    private static final int STEP_THREADS = 128;
    /** Elements that a thread takes at a time. */
    private static final int ELEMENTS = 4;
    private static final int PATCH = 2;
    /** Channels of tokens that a thread unpacks. */
    private static final int UNPACKED = 2;

    private final CudaDevice device;

    /** Launchers of a device. */
    public LatentKernels(final CudaDevice device) {
        this.device = device;
    }

    /**
     * Guidance with norm rescale, and an Euler step: with an unconditional prediction the velocity of a token is
     * {@code c = u + s (cond - u)} scaled to the norm of cond, or 0 where c is 0; without, it is cond. The result is
     * latents + dt * velocity.
     *
     * @param latents       [tokens, width], F32
     * @param conditional   [tokens, width], BF16, F16 or F32
     * @param unconditional as the conditional one, or null for no guidance
     * @param scale         s
     * @param dt            [1], F32: next sigma minus this sigma
     * @param out           [tokens, width], F32; may be the latents
     */
    public void guidanceStep(final CudaStream stream, final TensorView latents, final TensorView conditional,
            final TensorView unconditional, final float scale, final TensorView dt, final TensorView out) {
        Operands.dense("latents", latents, ElementType.F32, -1, -1);
        Operands.floating("conditional", conditional).requireShape("conditional", latents.shape())
                .requireContiguous("conditional");
        Operands.optional("unconditional", unconditional, conditional.type(), latents.shape());
        Operands.dense("out", out, ElementType.F32, latents.shape());
        Operands.dense("dt", dt, ElementType.F32, 1);
        final long tokens = latents.size(0);
        final long width = latents.size(1);
        if (tokens > 0 && width > 0) {
            final int lanes = Operands.powerOfTwo((int) Math.min(Operands.WARP, Math.ceilDiv(width, ELEMENTS)));
            launch(stream, "guidance_step_" + conditional.type().suffix(), tokens * lanes, STEP_THREADS,
                    new KernelArguments().pointer(latents).pointer(conditional).optionalPointer(unconditional)
                            .pointer(out).i32(tokens).i32(width).i32(lanes).f32(scale).pointer(dt));
        }
    }

    /**
     * Makes a token of each 2 x 2 patch: feature 4c + 2a + b of token (y, x) is latents[c, 2y + a, 2x + b].
     *
     * @param latents [channels, height, width], F32
     * @param out     [height/2 * width/2, 4 channels], F32
     */
    public void pack(final CudaStream stream, final TensorView latents, final TensorView out) {
        Operands.dense("latents", latents, ElementType.F32, -1, -1, -1);
        final Picture picture = new Picture(latents.size(0), latents.size(1), latents.size(2));
        Operands.dense("out", out, ElementType.F32, picture.tokens(), picture.features());
        launch(stream, "pack_latents_f32", picture.patches(), THREADS,
                picture.end(new KernelArguments().pointer(latents).pointer(out)));
    }

    /**
     * The inverse, into a picture with channels last, and with the latents' statistics put back:
     * out[y, x, c] = packed * deviation[c] + mean[c].
     *
     * @param packed    [height/2 * width/2, 4 channels], F32
     * @param deviation [channels], F32, or null to leave values as they are
     * @param mean      as the deviation
     * @param out       [height, width, channels], BF16, F16 or F32
     */
    public void unpack(final CudaStream stream, final TensorView packed, final TensorView deviation,
            final TensorView mean, final TensorView out) {
        Operands.floating("out", out).requireShape("out", -1, -1, -1).requireContiguous("out");
        final Picture picture = new Picture(out.size(2), out.size(0), out.size(1));
        Operands.dense("packed", packed, ElementType.F32, picture.tokens(), picture.features());
        if ((deviation == null) != (mean == null)) {
            throw new IllegalArgumentException("deviation is " + deviation + ", but mean is " + mean);
        }
        Operands.optional("deviation", deviation, ElementType.F32, picture.channels());
        Operands.optional("mean", mean, ElementType.F32, picture.channels());
        launch(stream, "unpack_latents_" + out.type().suffix(), Math.ceilDiv(picture.patches(), UNPACKED), THREADS,
                picture.end(new KernelArguments().pointer(packed).optionalPointer(deviation).optionalPointer(mean)
                        .pointer(out)));
    }

    /**
     * Pixels of 8 bits: round half even (255 clamp(x / 2 + 0.5, 0, 1)); NaN becomes 0.
     *
     * @param x   any shape, BF16, F16 or F32
     * @param out the same shape, U8
     */
    public void pixels(final CudaStream stream, final TensorView x, final TensorView out) {
        Operands.floating("x", x).requireContiguous("x");
        Operands.dense("out", out, ElementType.U8, x.shape());
        launch(stream, "pixels_" + x.type().suffix(), Math.ceilDiv(x.elements(), ELEMENTS), THREADS,
                new KernelArguments().pointer(x).pointer(out).i64(x.elements()));
    }

    private void launch(final CudaStream stream, final String kernel, final long threads, final int block,
            final KernelArguments arguments) {
        if (threads > 0) {
            device.module("latents").kernel(kernel)
                    .launch(stream, LaunchGeometry.of(Math.ceilDiv(threads, block), block), arguments);
        }
    }

    /** The latents of a picture. */
    private record Picture(long channels, long height, long width) {
        Picture {
            if (height % PATCH != 0 || width % PATCH != 0) {
                throw new IllegalArgumentException("latents of " + height + " x " + width + ": both must be even");
            }
        }

        long tokens() {
            return height / PATCH * (width / PATCH);
        }

        long features() {
            return channels * PATCH * PATCH;
        }

        long patches() {
            return tokens() * channels;
        }

        KernelArguments end(final KernelArguments arguments) {
            return arguments.i32(channels).i32(height).i32(width);
        }
    }
}
