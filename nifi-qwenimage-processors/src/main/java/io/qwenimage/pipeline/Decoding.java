package io.qwenimage.pipeline;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.image.RgbImage;
import io.qwenimage.image.RgbImages;
import io.qwenimage.model.qwenimagevae.LayerObserver;
import io.qwenimage.model.qwenimagevae.QwenImageDecoder;
import io.qwenimage.model.qwenimagevae.QwenImageVaeConfig;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Tensor;
import io.qwenimage.weights.WeightScope;

/** From latents to a picture. */
final class Decoding implements Stage {
    private final Backend backend;
    private final QwenImageVaeConfig config;
    private final LoadedComponent<QwenImageDecoder> decoder;

    Decoding(final ModelFolder folder, final ComponentStore store, final Cancellation cancellation) {
        backend = store.backend();
        config = QwenImageVaeConfig.read(folder.config(ModelFolder.VAE));
        decoder = store.load(folder.component(ModelFolder.VAE), QwenImageDecoder.class, WeightScope::of,
                scope -> new QwenImageDecoder(scope, config), cancellation);
    }

    /**
     * Decodes latents.
     *
     * @param latents [c, h, w], as the denoiser makes them
     */
    RgbImage decode(final HostTensor latents, final Cancellation cancellation) {
        if (latents.shape().rank() != 3 || latents.shape().extent(0) != config.zDim()
                || latents.shape().elements() == 0) {
            throw new DataException("tensor latents of the bundle has shape " + latents.shape()
                    + " but this model decodes [" + config.zDim() + ", height / " + config.spatialCompression()
                    + ", width / " + config.spatialCompression() + "]; denoise with this model");
        }
        try (Arena arena = backend.openArena("decoding")) {
            final Tensor picture = decoder.model().forward(arena, denormalised(latents), cancellation,
                    LayerObserver.NONE); // [H, W, 3]
            return RgbImages.fromHeightWidthChannels(backend.download(picture).toFloats(),
                    picture.shape().intExtent(0), picture.shape().intExtent(1));
        }
    }

    @Override
    public void close() {
        decoder.close();
    }

    /** The reference divides by the reciprocal of the deviation, in single precision. */
    private HostTensor denormalised(final HostTensor latents) {
        final float[] values = latents.toFloats();
        final int pixels = values.length / config.zDim();
        for (int channel = 0; channel < config.zDim(); channel++) {
            final float reciprocal = 1f / (float) config.latentsStd()[channel];
            final float mean = (float) config.latentsMean()[channel];
            for (int i = channel * pixels; i < (channel + 1) * pixels; i++) {
                values[i] = values[i] / reciprocal + mean;
            }
        }
        return HostTensor.ofFloats(latents.shape(), values);
    }
}
