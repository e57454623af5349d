package io.qwenimage.nifi.processors;

import io.qwenimage.image.LabelledBox;
import io.qwenimage.pipeline.BoxList;
import io.qwenimage.pipeline.DataException;
import io.qwenimage.pipeline.GroundingRequest;
import java.util.List;
import java.util.stream.Stream;

/**
 * What a FlowFile asks of Ground.
 *
 * @param limits      of the picture
 * @param task        which way
 * @param phrases     what to find; none if boxes are to be described
 * @param boxes       what to describe; none if phrases are to be found
 * @param destination where the answer goes
 * @param answer      its length and how tokens are chosen
 * @param annotated   whether a picture with the boxes is made
 * @param crops       whether a picture of each box is made
 */
record GroundSettings(PictureContent limits, GroundTask task, List<String> phrases, List<LabelledBox> boxes,
        AnswerDestination destination, AnswerSettings answer, boolean annotated, boolean crops) {
    private static final String BETWEEN_PHRASES = "[,\\r\\n]+";

    /**
     * Reads the values of Ground's properties.
     *
     * @throws DataException if one cannot be used
     */
    static GroundSettings read(final StageAttributes.Values values) {
        final GroundTask task = values.of(Ground.TASK, GroundTask.class);
        final boolean find = task == GroundTask.FIND;
        return new GroundSettings(PictureContent.of(values), task,
                find ? phrases(values.of(Ground.PHRASES)) : List.of(),
                find ? List.of() : boxes(values.of(Ground.BOXES)),
                values.of(Ground.ANSWER_DESTINATION, AnswerDestination.class), AnswerSettings.read(values),
                find && Boolean.parseBoolean(values.of(Ground.ANNOTATED_PICTURE)),
                find && Boolean.parseBoolean(values.of(Ground.CROPS)));
    }

    private static List<String> phrases(final String value) {
        final List<String> phrases = Stream.of(value == null ? "" : value).flatMap(text ->
                Stream.of(text.split(BETWEEN_PHRASES))).map(String::strip).filter(phrase -> !phrase.isEmpty()).toList();
        if (phrases.isEmpty()) {
            throw new DataException("the property Phrases is empty; it must name what to find, such as \"red kite\"");
        }
        if (phrases.size() > GroundingRequest.MAXIMUM_PHRASES) {
            throw new DataException("the property Phrases names " + phrases.size() + " things; at most "
                    + GroundingRequest.MAXIMUM_PHRASES + " can be asked for at once");
        }
        return phrases;
    }

    private static List<LabelledBox> boxes(final String value) {
        if (value == null || value.isBlank()) {
            throw new DataException("the property Boxes is empty; it must hold what Ground found, or boxes such as "
                    + "[{\"box\": [x1, y1, x2, y2]}]");
        }
        return BoxList.read(value);
    }
}
