package io.qwenimage.pipeline;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.image.ImageSize;
import io.qwenimage.image.RgbImage;
import io.qwenimage.image.VaePicture;
import io.qwenimage.model.qwenimagevae.LayerObserver;
import io.qwenimage.model.qwenimagevae.QwenImageEncoder;
import io.qwenimage.model.qwenimagevae.QwenImageVaeConfig;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.weights.WeightScope;

/** From a picture, and a mask, to what image-to-image begins with: pipeline_qwenimage_inpaint.py of diffusers. */
final class StartEncoding implements Stage {
    private static final int CHANNELS = 3;
    /** Bounds of the logarithm of the variance, {@code DiagonalGaussianDistribution} of diffusers. */
    private static final float LOWEST = -30;
    private static final float HIGHEST = 20;

    private final QwenImageVaeConfig config;
    private final LoadedComponent<QwenImageEncoder> encoder;

    StartEncoding(final ModelFolder folder, final ComponentStore store, final Cancellation cancellation) {
        config = QwenImageVaeConfig.read(folder.config(ModelFolder.VAE));
        encoder = store.load(folder.component(ModelFolder.VAE), QwenImageEncoder.class, WeightScope::of,
                scope -> new QwenImageEncoder(scope, config), cancellation);
    }

    /**
     * Encodes a picture.
     *
     * @param mask null for none
     * @param size of the result, a multiple of the model's
     */
    StartPicture encode(final RgbImage image, final RgbImage mask, final ImageSize size,
            final Cancellation cancellation) {
        final HostTensor moments = encoder.model().moments(
                HostTensor.ofFloats(Shape.of(CHANNELS, size.height(), size.width()), VaePicture.samples(image, size)),
                cancellation, LayerObserver.NONE); // [2 c, h, w]
        final float[] values = moments.toFloats();
        final float[] means = new float[values.length / 2];
        final float[] deviations = new float[means.length];
        final int plane = means.length / config.zDim();
        for (int i = 0; i < means.length; i++) {
            final float reciprocal = 1f / (float) config.latentsStd()[i / plane];
            final float logVariance = Math.min(HIGHEST, Math.max(LOWEST, values[means.length + i]));
            means[i] = (values[i] - (float) config.latentsMean()[i / plane]) * reciprocal;
            deviations[i] = (float) Math.exp(0.5f * logVariance) * reciprocal;
        }
        final Shape shape = Shape.of(config.zDim(), moments.shape().extent(1), moments.shape().extent(2));
        return new StartPicture(HostTensor.ofFloats(shape, means), HostTensor.ofFloats(shape, deviations),
                mask == null ? null : latentMask(mask, size));
    }

    @Override
    public void close() {
        encoder.close();
    }

    /** The mask's first pixel of each latent, as torch's {@code interpolate} takes the nearest. */
    private HostTensor latentMask(final RgbImage mask, final ImageSize size) {
        final float[] pixels = VaePicture.mask(mask, size);
        final int step = config.spatialCompression();
        final int height = size.height() / step;
        final int width = size.width() / step;
        final float[] latents = new float[height * width];
        for (int i = 0; i < latents.length; i++) {
            latents[i] = pixels[i / width * step * size.width() + i % width * step];
        }
        return HostTensor.ofFloats(Shape.of(1, height, width), latents);
    }
}
