package io.qwenimage.pipeline;

import io.qwenimage.image.RgbImage;
import java.util.List;

/**
 * Which pictures to encode, and as what.
 *
 * @param images what the prompt will speak of, in order: "Picture 1", "Picture 2", ...; at most as many as
 *               {@link ModelCard#maximumPictures()}. For image-to-image, the one picture that is painted over
 * @param start  how a text-to-image model begins with the picture; null for an edit
 */
public record ImageRequest(List<RgbImage> images, Start start) {
    public ImageRequest {
        images = List.copyOf(images);
    }

    /** The pictures of an edit. */
    public ImageRequest(final List<RgbImage> images) {
        this(images, null);
    }

    /**
     * Image-to-image.
     *
     * @param mask   white where the picture is painted anew; null for everywhere
     * @param width  of the result in pixels, rounded down to the model's multiple, or
     *               {@link DenoiseRequest#AUTOMATIC} for what the model recommends
     * @param height likewise
     */
    public record Start(RgbImage mask, int width, int height) {
    }
}
