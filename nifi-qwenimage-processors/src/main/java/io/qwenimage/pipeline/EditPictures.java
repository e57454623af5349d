package io.qwenimage.pipeline;

import io.qwenimage.image.ImageSize;
import io.qwenimage.model.vision.VisionGrid;
import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The two encodings of each picture of an edit, and how they lie in a bundle.
 *
 * @param latents    appearance of each, [c, h, w], F32
 * @param embeddings meaning of each, [n, d], F32
 * @param grids      of the patches that the embeddings were made of
 */
record EditPictures(List<HostTensor> latents, List<HostTensor> embeddings, List<VisionGrid> grids) {
    private static final String LATENTS = "image_latents.";
    private static final String EMBEDDINGS = "vision_embeds.";
    private static final String GRIDS = "image_grid_thw";
    private static final String COUNT = "pictures";
    private static final String WIDTH = "output_width";
    private static final String HEIGHT = "output_height";
    private static final int AXES = 3;
    private static final int MAXIMUM_PATCHES = 1 << 12;

    /**
     * A bundle with these pictures.
     *
     * @param sizes      of the pictures that came in
     * @param outputSize of the result unless one is asked for
     */
    Bundle toBundle(final String model, final List<ImageSize> sizes, final ImageSize outputSize) {
        final Map<String, HostTensor> tensors = new LinkedHashMap<>();
        final Map<String, String> metadata = new LinkedHashMap<>();
        metadata.put(Bundle.FORMAT_KEY, Bundle.FORMAT);
        metadata.put(Bundle.MODEL_KEY, model);
        metadata.put(COUNT, Integer.toString(latents.size()));
        final long[] thw = new long[AXES * grids.size()];
        for (int k = 0; k < latents.size(); k++) {
            tensors.put(LATENTS + k, latents.get(k));
            tensors.put(EMBEDDINGS + k, embeddings.get(k));
            thw[AXES * k] = grids.get(k).time();
            thw[AXES * k + 1] = grids.get(k).rows();
            thw[AXES * k + 2] = grids.get(k).columns();
            metadata.put("picture." + k, sizes.get(k).width() + "x" + sizes.get(k).height());
        }
        tensors.put(GRIDS, HostTensor.ofLongs(Shape.of(grids.size(), AXES), thw));
        metadata.put(WIDTH, Integer.toString(outputSize.width()));
        metadata.put(HEIGHT, Integer.toString(outputSize.height()));
        return new Bundle(tensors, metadata);
    }

    /**
     * The pictures in a bundle.
     *
     * @throws DataException if there are none, too many, or their tensors do not fit each other
     */
    static EditPictures of(final Bundle bundle, final int maximum) {
        if (!bundle.has(LATENTS + 0)) {
            throw new DataException("the bundle holds no picture (no tensor " + LATENTS + "0 among "
                    + bundle.tensors().keySet() + "), but this model edits pictures; send 1 to " + maximum
                    + " pictures through EncodeImage first");
        }
        final List<HostTensor> latents = new ArrayList<>();
        final List<HostTensor> embeddings = new ArrayList<>();
        while (bundle.has(LATENTS + latents.size())) {
            embeddings.add(bundle.tensor(EMBEDDINGS + latents.size()));
            latents.add(bundle.tensor(LATENTS + latents.size()));
        }
        checkCount(latents.size(), maximum);
        return new EditPictures(latents, embeddings, grids(bundle.tensor(GRIDS), latents.size()));
    }

    /**
     * Refuses a number of pictures that a model does not take.
     *
     * @throws DataException if it is 0 or more than the model takes
     */
    static void checkCount(final int count, final int maximum) {
        if (count < 1 || count > maximum) {
            throw new DataException("the number of pictures is " + count + " but this model edits with 1 to " + maximum
                    + (count == 0 ? "; give a picture" : "; leave pictures out or use a model that takes more"));
        }
    }

    /**
     * The request with a size: what is left open follows from the pictures.
     *
     * @throws DataException if the bundle does not say what follows
     */
    static DenoiseRequest sized(final DenoiseRequest asked, final Bundle bundle) {
        return new DenoiseRequest(
                asked.width() == DenoiseRequest.AUTOMATIC ? number(bundle, WIDTH) : asked.width(),
                asked.height() == DenoiseRequest.AUTOMATIC ? number(bundle, HEIGHT) : asked.height(),
                asked.steps(), asked.trueCfgScale(), asked.seed(), asked.strength());
    }

    private static int number(final Bundle bundle, final String key) {
        final String value = bundle.metadata().get(key);
        try {
            return Integer.parseInt(value);
        } catch (NumberFormatException e) {
            throw new DataException("the bundle's metadata says " + key + " = " + value + ", which is no number of "
                    + "pixels; encode the picture again or ask for a width and a height", e);
        }
    }

    private static List<VisionGrid> grids(final HostTensor tensor, final int count) {
        if (tensor.dtype() != DType.I64 || !tensor.shape().equals(Shape.of(count, AXES))) {
            throw new DataException("tensor " + GRIDS + " of the bundle is " + tensor + " but there are " + count
                    + " pictures; encode them again");
        }
        final long[] thw = tensor.toLongs();
        final List<VisionGrid> grids = new ArrayList<>();
        for (int k = 0; k < count; k++) {
            for (int axis = 0; axis < AXES; axis++) {
                final long value = thw[AXES * k + axis];
                if (value < 1 || value > MAXIMUM_PATCHES) {
                    throw new DataException("tensor " + GRIDS + " of the bundle holds " + value + " for picture " + k
                            + "; accepted is 1 to " + MAXIMUM_PATCHES + ". Encode the pictures again");
                }
            }
            grids.add(new VisionGrid((int) thw[AXES * k], (int) thw[AXES * k + 1], (int) thw[AXES * k + 2]));
        }
        return grids;
    }
}
