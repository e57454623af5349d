package io.qwenimage.nn;

import io.qwenimage.backend.Activation;
import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.WeightRole;
import io.qwenimage.tensor.Tensor;

/**
 * The VAE's root mean square norm over channels, {@code QwenImageRMS_norm} of diffusers.
 *
 * @param gamma [C]
 */
public record ChannelNorm(Backend backend, Tensor gamma) {
    /**
     * Reads {@code gamma}.
     *
     * @param trailingAxes how many axes of extent 1 follow the channels in the checkpoint
     */
    public static ChannelNorm load(final ModuleScope scope, final int channels, final int trailingAxes) {
        final long[] stored = new long[1 + trailingAxes];
        java.util.Arrays.fill(stored, 1);
        stored[0] = channels;
        return new ChannelNorm(scope.backend(),
                scope.prepare(scope.stored("gamma", stored).reshape(channels), WeightRole.VECTOR));
    }

    /** [H, W, C] to [H, W, C], then a non-linearity. */
    public Tensor forward(final Arena arena, final Tensor x, final Activation activation) {
        return backend.channelNorm(arena, x, gamma, activation);
    }
}
