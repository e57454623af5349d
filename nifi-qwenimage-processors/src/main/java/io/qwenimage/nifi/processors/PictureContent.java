package io.qwenimage.nifi.processors;

import io.qwenimage.image.ImageDecoder;
import io.qwenimage.image.ImageException;
import io.qwenimage.image.RgbImage;
import io.qwenimage.pipeline.DataException;
import java.util.ArrayList;
import java.util.List;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.flowfile.FlowFile;
import org.apache.nifi.processor.DataUnit;
import org.apache.nifi.processor.ProcessSession;
import org.apache.nifi.processor.util.StandardValidators;
import org.apache.nifi.stream.io.StreamUtils;

/**
 * Pictures as the content of FlowFiles: one picture file, or a TAR or ZIP archive of several.
 *
 * @param maximumBytes    of the content, and of what an archive holds
 * @param maximumPixels   of each picture
 * @param maximumPictures how many
 */
record PictureContent(long maximumBytes, long maximumPixels, int maximumPictures) {
    /** More than any model was made for; a limit of the model itself is told by the model. */
    private static final int MOST_PICTURES = 64;
    private static final long LARGEST_CONTENT = 1L << 30;
    private static final NumberRange PIXELS = NumberRange.whole(1, ImageDecoder.MAXIMUM_PIXELS);

    static final PropertyDescriptor MAXIMUM_CONTENT_SIZE = new PropertyDescriptor.Builder()
            .name("Maximum Content Size")
            .description("FlowFiles of more bytes than this, and archives that hold more, go to failure.")
            .required(true)
            .defaultValue("64 MB")
            .addValidator(StandardValidators.createDataSizeBoundsValidator(1, LARGEST_CONTENT))
            .build();

    static final PropertyDescriptor MAXIMUM_PIXELS = new PropertyDescriptor.Builder()
            .name("Maximum Pixels")
            .description("Pictures of more pixels than this go to failure, by their header alone. A picture takes three "
                    + "bytes a pixel of the Java heap.")
            .required(true)
            .defaultValue("50000000")
            .addValidator(PIXELS)
            .build();

    /** The limits that the properties set. */
    static PictureContent of(final StageAttributes.Values values) {
        return new PictureContent(DataUnit.parseDataSize(values.of(MAXIMUM_CONTENT_SIZE), DataUnit.B).longValue(),
                PIXELS.read("Maximum Pixels", values.of(MAXIMUM_PIXELS)).longValue(), MOST_PICTURES);
    }

    /**
     * Reads a FlowFile's content.
     *
     * @return at least one picture, in the order of the archive
     * @throws DataException  if the content is too large, or an archive that cannot be read
     * @throws ImageException if it is no picture, or one that is damaged, too large or not read
     */
    List<RgbImage> read(final ProcessSession session, final FlowFile flowFile) {
        final byte[] content = bytes(session, flowFile);
        if (!PictureArchive.isArchive(content)) {
            return List.of(ImageDecoder.read(content, maximumPixels));
        }
        final List<PictureArchive.Entry> entries = new PictureArchive(maximumBytes, maximumPictures).unpack(content);
        final List<RgbImage> pictures = new ArrayList<>();
        for (final PictureArchive.Entry entry : entries) {
            try {
                pictures.add(ImageDecoder.read(entry.content(), maximumPixels));
            } catch (final ImageException e) {
                throw new ImageException("file " + (pictures.size() + 1) + " of the archive, " + entry.name() + ": "
                        + e.getMessage(), e);
            }
        }
        return pictures;
    }

    /**
     * Reads a FlowFile's content as one picture.
     *
     * @throws DataException  if the content is too large
     * @throws ImageException as {@link #read}
     */
    RgbImage readOne(final ProcessSession session, final FlowFile flowFile) {
        return ImageDecoder.read(bytes(session, flowFile), maximumPixels);
    }

    private byte[] bytes(final ProcessSession session, final FlowFile flowFile) {
        if (flowFile.getSize() > maximumBytes) {
            throw new DataException("the FlowFile's content has " + flowFile.getSize() + " bytes but Maximum Content "
                    + "Size is " + maximumBytes + "; send smaller pictures, or raise the property");
        }
        final byte[] content = new byte[(int) flowFile.getSize()];
        session.read(flowFile, stream -> StreamUtils.fillBuffer(stream, content, true));
        return content;
    }
}
