package io.qwenimage.pipeline;

import io.qwenimage.diffusion.TorchGenerator;
import io.qwenimage.image.ImageSize;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The picture that image-to-image begins with, as a distribution of latents, and how it lies in a bundle.
 *
 * @param mean      [c, h, w], normalised as the denoiser's latents are
 * @param deviation [c, h, w], normalised likewise
 * @param mask      [1, h, w], 1 where the picture is painted anew and 0 elsewhere; null for everywhere
 */
record StartPicture(HostTensor mean, HostTensor deviation, HostTensor mask) {
    private static final String MEAN = "image_latents.0";
    private static final String DEVIATION = "image_deviation.0";
    private static final String MASK = "mask";

    /** Whether a bundle holds such a picture. */
    static boolean isIn(final Bundle bundle) {
        return bundle.has(DEVIATION);
    }

    /**
     * The picture in a bundle.
     *
     * @throws DataException if its tensors do not fit each other
     */
    static StartPicture of(final Bundle bundle) {
        final StartPicture start = new StartPicture(bundle.tensor(MEAN), bundle.tensor(DEVIATION),
                bundle.has(MASK) ? bundle.tensor(MASK) : null);
        final Shape shape = start.mean.shape();
        if (shape.rank() != 3 || !shape.equals(start.deviation.shape()) || start.mask != null
                && !start.mask.shape().equals(Shape.of(1, shape.extent(1), shape.extent(2)))) {
            throw new DataException("tensors " + MEAN + ", " + DEVIATION + " and " + MASK + " of the bundle are "
                    + start.mean + ", " + start.deviation + " and " + start.mask
                    + ", which do not fit each other; encode the picture again");
        }
        return start;
    }

    /** A bundle with this picture. */
    Bundle toBundle(final String model, final ImageSize original) {
        final Map<String, HostTensor> tensors = new LinkedHashMap<>();
        tensors.put(MEAN, mean);
        tensors.put(DEVIATION, deviation);
        if (mask != null) {
            tensors.put(MASK, mask);
        }
        return new Bundle(tensors, Map.of(Bundle.FORMAT_KEY, Bundle.FORMAT, Bundle.MODEL_KEY, model,
                "pictures", "1", "picture.0", original.width() + "x" + original.height()));
    }

    /** Latents drawn from the distribution: [c, h, w]. */
    HostTensor draw(final TorchGenerator generator) {
        final float[] means = mean.toFloats();
        final float[] deviations = deviation.toFloats();
        final float[] drawn = generator.normal(means.length);
        for (int i = 0; i < drawn.length; i++) {
            drawn[i] = means[i] + deviations[i] * drawn[i];
        }
        return HostTensor.ofFloats(mean.shape(), drawn);
    }

    /** The mask for packed latents, the same for all channels: [tokens, 4 c]; null if there is none. */
    float[] packedMask() {
        if (mask == null) {
            return null;
        }
        final float[] plane = mask.toFloats();
        final float[] all = new float[Math.toIntExact(mean.shape().elements())];
        for (int i = 0; i < all.length; i++) {
            all[i] = plane[i % plane.length];
        }
        return PackedLatents.of(HostTensor.ofFloats(mean.shape(), all)).toFloats();
    }
}
