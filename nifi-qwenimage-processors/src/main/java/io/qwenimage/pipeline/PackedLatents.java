package io.qwenimage.pipeline;

import io.qwenimage.diffusion.LatentPacking;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;

/** Latents as the denoiser sees them. */
public final class PackedLatents {
    private static final int PATCH_LATENTS = 4;

    private PackedLatents() {
    }

    /**
     * Folds 2x2 patches into tokens.
     *
     * @param latents [c, h, w], h and w even
     * @return [h/2 w/2, 4 c], F32
     */
    public static HostTensor of(final HostTensor latents) {
        final int channels = latents.shape().intExtent(0);
        final int height = latents.shape().intExtent(1);
        final int width = latents.shape().intExtent(2);
        return HostTensor.ofFloats(Shape.of((long) height * width / PATCH_LATENTS, (long) PATCH_LATENTS * channels),
                LatentPacking.pack(latents.toFloats(), channels, height, width));
    }
}
