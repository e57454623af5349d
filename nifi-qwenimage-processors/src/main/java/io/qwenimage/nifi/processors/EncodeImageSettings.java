package io.qwenimage.nifi.processors;

import io.qwenimage.image.RgbImage;
import io.qwenimage.pipeline.DataException;
import io.qwenimage.pipeline.DenoiseRequest;
import io.qwenimage.pipeline.ImageRequest;
import java.math.BigDecimal;
import java.util.List;

/**
 * What a FlowFile asks of EncodeImage; a size that it leaves open is {@link DenoiseRequest#AUTOMATIC}.
 *
 * @param limits  of the pictures
 * @param purpose of encoding them
 * @param width   of the result of image-to-image in pixels
 * @param height  likewise
 */
record EncodeImageSettings(PictureContent limits, PicturePurpose purpose, int width, int height) {
    /**
     * Reads the values of EncodeImage's properties.
     *
     * @throws DataException if one cannot be used
     */
    static EncodeImageSettings read(final StageAttributes.Values values) {
        final PicturePurpose purpose = values.of(EncodeImage.PURPOSE, PicturePurpose.class);
        final boolean sized = purpose != PicturePurpose.EDIT;
        return new EncodeImageSettings(PictureContent.of(values), purpose,
                size("Width", sized ? values.of(EncodeImage.WIDTH) : null),
                size("Height", sized ? values.of(EncodeImage.HEIGHT) : null));
    }

    /**
     * The request for the pictures of a FlowFile.
     *
     * @throws DataException if there are more or fewer than the purpose needs
     */
    ImageRequest request(final List<RgbImage> pictures) {
        if (purpose == PicturePurpose.EDIT) {
            return new ImageRequest(pictures);
        }
        final int wanted = purpose == PicturePurpose.INPAINT ? 2 : 1;
        if (pictures.size() != wanted) {
            throw new DataException("the FlowFile holds " + pictures.size() + " pictures but the purpose "
                    + purpose.getDisplayName() + " needs " + (wanted == 1 ? "one"
                    : "two in an archive: the picture, then the mask") + "; send those, or set another Purpose");
        }
        return new ImageRequest(List.of(pictures.getFirst()),
                new ImageRequest.Start(wanted == 1 ? null : pictures.getLast(), width, height));
    }

    private static int size(final String name, final String value) {
        final BigDecimal size = DenoiseSettings.SIZES.read(name, value);
        return size == null ? DenoiseRequest.AUTOMATIC : size.intValue();
    }
}
