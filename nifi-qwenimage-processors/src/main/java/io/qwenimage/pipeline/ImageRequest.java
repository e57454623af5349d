package io.qwenimage.pipeline;

import io.qwenimage.image.RgbImage;
import java.util.List;

/**
 * Which pictures to encode.
 *
 * @param images what the prompt will speak of, in order: "Picture 1", "Picture 2", ...; at most as many as
 *               {@link ModelCard#maximumPictures()}
 */
public record ImageRequest(List<RgbImage> images) {
    public ImageRequest {
        images = List.copyOf(images);
    }
}
