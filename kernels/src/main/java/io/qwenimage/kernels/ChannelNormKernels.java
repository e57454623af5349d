package io.qwenimage.kernels;

import io.qwenimage.kernels.driver.CudaDevice;
import io.qwenimage.kernels.driver.CudaStream;
import io.qwenimage.kernels.driver.KernelArguments;
import io.qwenimage.kernels.driver.LaunchGeometry;
import io.qwenimage.kernels.driver.TensorView;

/** The autoencoder's norm over channels, {@code channelnorm.cu}. */
public final class ChannelNormKernels {
    private static final int THREADS = 128;
    /** Accesses of a pixel that a lane keeps in registers. */
    private static final int CHUNKS = 3;
    private static final int MOST_PIXELS_PER_GROUP = 16;
    private static final int BLOCKS_PER_MULTIPROCESSOR = 8;

    private final CudaDevice device;

    /** Launchers of a device. */
    public ChannelNormKernels(final CudaDevice device) {
        this.device = device;
    }

    /**
     * activation(x / max(|x|, 1e-12) * sqrt(channels) * gamma), |x| over the channels of a pixel.
     *
     * @param x     [..., channels], contiguous, BF16, F16 or F32
     * @param gamma [channels] of the same type
     * @param out   as x; may be x
     * @throws IllegalArgumentException if operands do not fit
     */
    public void channelNorm(final CudaStream stream, final TensorView x, final TensorView gamma,
            final Activation activation, final TensorView out) {
        Operands.floating("x", x).requireContiguous("x");
        final long channels = x.size(-1);
        Operands.dense("gamma", gamma, x.type(), channels);
        Operands.dense("out", out, x.type(), x.shape());
        if (x.elements() == 0) {
            return;
        }
        final long pixels = x.elements() / channels;
        final long accesses = Math.ceilDiv(channels, (long) CHUNKS * Operands.vector(x.type()));
        final int lanes = Operands.powerOfTwo((int) Math.min(Operands.WARP, accesses));
        final int groups = THREADS / lanes;
        final long blocks = (long) BLOCKS_PER_MULTIPROCESSOR * device.properties().multiprocessors();
        final long perGroup = Math.clamp(pixels / (blocks * groups), 1, MOST_PIXELS_PER_GROUP);
        device.module("channelnorm").kernel("channel_norm_" + x.type().suffix()).launch(stream,
                LaunchGeometry.of(Math.ceilDiv(pixels, perGroup * groups), THREADS),
                new KernelArguments().pointer(x).pointer(gamma).pointer(out).i64(pixels).i32(channels).i32(lanes)
                        .i32(perGroup).i32(activation.number()));
    }
}
