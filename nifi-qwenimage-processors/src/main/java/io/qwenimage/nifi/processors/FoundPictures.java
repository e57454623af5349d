package io.qwenimage.nifi.processors;

import io.qwenimage.image.Annotator;
import io.qwenimage.image.ImageEncoder;
import io.qwenimage.image.ImageFormat;
import io.qwenimage.image.ImageMetadata;
import io.qwenimage.image.LabelledBox;
import io.qwenimage.image.RgbImage;
import io.qwenimage.pipeline.GroundingResult;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.nifi.flowfile.FlowFile;
import org.apache.nifi.flowfile.attributes.CoreAttributes;
import org.apache.nifi.processor.ProcessSession;
import org.apache.nifi.processor.Relationship;

/**
 * The FlowFiles that show what was found.
 *
 * @param session  makes them
 * @param source   what they are made of
 * @param picture  its picture
 * @param details  what provenance tells of them
 */
record FoundPictures(ProcessSession session, FlowFile source, RgbImage picture, String details) {
    private static final ImageMetadata NO_METADATA =
            new ImageMetadata(null, null, null, null, null, null, null, null, null, null);

    /** Sends a copy of the picture with all boxes and points on it. */
    void sendAnnotated(final GroundingResult found, final Map<String, String> attributes) {
        send(write(Annotator.draw(picture, found.boxes(), found.points()), "-annotated", attributes), Ground.ANNOTATED);
    }

    /** Sends what each box covers, as fragments of the picture. */
    void sendCrops(final List<LabelledBox> boxes, final Map<String, String> attributes) {
        final String identifier = UUID.randomUUID().toString();
        for (int index = 0; index < boxes.size(); index++) {
            final LabelledBox box = boxes.get(index);
            final FlowFile crop = write(Annotator.crop(picture, box), "-" + index, attributes);
            send(session.putAllAttributes(crop, Map.of(
                    StageAttributes.LABEL, box.label(),
                    StageAttributes.BOX, box.x1() + "," + box.y1() + "," + box.x2() + "," + box.y2(),
                    StageAttributes.FRAGMENT_IDENTIFIER, identifier,
                    StageAttributes.FRAGMENT_INDEX, Integer.toString(index),
                    StageAttributes.FRAGMENT_COUNT, Integer.toString(boxes.size()),
                    StageAttributes.SEGMENT_ORIGINAL_FILENAME,
                    source.getAttribute(CoreAttributes.FILENAME.key()))), Ground.CROPPED);
        }
    }

    private FlowFile write(final RgbImage image, final String suffix, final Map<String, String> attributes) {
        final FlowFile made = session.write(session.create(source), stream -> ImageEncoder.write(image, ImageFormat.PNG,
                ImageEncoder.DEFAULT_QUALITY, NO_METADATA, stream));
        return session.putAllAttributes(session.putAllAttributes(made, attributes), Map.of(
                CoreAttributes.MIME_TYPE.key(), ImageFormat.PNG.mimeType(),
                CoreAttributes.FILENAME.key(), StageAttributes.withExtension(StageAttributes.withoutExtension(
                        source.getAttribute(CoreAttributes.FILENAME.key())) + suffix, ImageFormat.PNG.extension()),
                StageAttributes.WIDTH, Integer.toString(image.width()),
                StageAttributes.HEIGHT, Integer.toString(image.height())));
    }

    private void send(final FlowFile made, final Relationship relationship) {
        final FlowFile clean = session.removeAttribute(made, StageAttributes.ERROR);
        session.getProvenanceReporter().modifyContent(clean, details);
        session.transfer(clean, relationship);
    }
}
