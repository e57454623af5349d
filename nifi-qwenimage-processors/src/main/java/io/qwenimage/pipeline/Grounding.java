package io.qwenimage.pipeline;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.generation.BoxAnswer;
import io.qwenimage.generation.BoxConvention;
import io.qwenimage.generation.SamplingSettings;
import io.qwenimage.image.ImageSize;
import io.qwenimage.image.LabelledBox;
import io.qwenimage.image.LabelledPoint;
import io.qwenimage.image.RgbImage;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Finds things in pictures, and says what is at a place. Questions are worded as in the cookbooks and reports of each
 * generation of models; boxes go in and out in pixels of the original picture.
 */
public final class Grounding {
    private static final Set<String> BOX_TOKENS = Set.of("<|box_start|>", "<|box_end|>");

    private final VisionLanguagePipeline pipeline;

    /**
     * Makes a finder.
     *
     * @param pipeline answers; not closed by this
     */
    public Grounding(final VisionLanguagePipeline pipeline) {
        this.pipeline = pipeline;
    }

    /**
     * Finds what phrases describe. Models that answer in JSON are asked once for all phrases, and say of each box which
     * it is; Qwen2-VL is asked for one phrase after the other.
     *
     * @throws DataException if no phrase is given, or too many
     */
    public GroundingResult find(final GroundingRequest request, final ChatObserver observer,
            final Cancellation cancellation) {
        check(request.phrases());
        final String modelType = pipeline.card().modelType();
        final ImageSize size = ImageSize.of(request.image());
        final List<LabelledBox> boxes = new ArrayList<>();
        final List<LabelledPoint> points = new ArrayList<>();
        final List<ChatAnswer> answers = new ArrayList<>();
        for (final List<String> phrases : rounds(modelType, request.phrases())) {
            final ChatAnswer answer = pipeline.chat(new ChatRequest(List.of(request.image()),
                    question(modelType, phrases), request.maxNewTokens(), request.sampling(), List.of()), observer,
                    cancellation);
            answers.add(answer);
            final BoxAnswer read = BoxAnswer.read(answer.markedText(), modelType);
            final ImageSize resized = answer.resizedSizes().get(0);
            final String unnamed = phrases.size() == 1 ? phrases.get(0) : "";
            read.boxes(size, resized).forEach(box -> boxes.add(box.label().isEmpty()
                    ? new LabelledBox(unnamed, box.x1(), box.y1(), box.x2(), box.y2()) : box));
            read.points(size, resized).forEach(point -> points.add(point.label().isEmpty()
                    ? new LabelledPoint(unnamed, point.x(), point.y()) : point));
        }
        return new GroundingResult(size, boxes, points, answers);
    }

    /**
     * Says what is in a box.
     *
     * @param box          in pixels of the picture
     * @param maxNewTokens longest answer in tokens
     * @param sampling     how tokens are chosen; null for the best one each time
     * @throws DataException if the box reaches beyond the picture
     */
    public ChatAnswer describe(final RgbImage image, final LabelledBox box, final int maxNewTokens,
            final SamplingSettings sampling, final ChatObserver observer, final Cancellation cancellation) {
        final ImageSize size = ImageSize.of(image);
        if (box.x2() > size.width() || box.y2() > size.height()) {
            throw new DataException("the box (" + box.x1() + ", " + box.y1() + ") to (" + box.x2() + ", " + box.y2()
                    + ") reaches beyond the picture of " + size + " pixels; give a box of this picture");
        }
        final BoxConvention convention = BoxConvention.ofModel(pipeline.card().modelType());
        final String question = "Please provide a short description for this region: "
                + convention.write(box, size, pipeline.resizedSize(size));
        return pipeline.chat(new ChatRequest(List.of(image), question, maxNewTokens, sampling, List.of(), BOX_TOKENS),
                observer, cancellation);
    }

    /**
     * How a model is asked for things.
     *
     * @param modelType {@code model_type} of its config.json
     * @param phrases   one or several
     */
    static String question(final String modelType, final List<String> phrases) {
        if (BoxConvention.ofModel(modelType) == BoxConvention.BOX_TOKENS) {
            return "Please provide the bounding box coordinates of the region this sentence describes: "
                    + String.join(", ", phrases);
        }
        return phrases.size() == 1
                ? "Locate every object that matches the description \"" + phrases.get(0)
                        + "\" in the image. Report bbox coordinates in JSON format."
                : "Locate every instance that belongs to the following categories: " + phrases.stream()
                        .map(phrase -> "\"" + phrase + "\"").collect(Collectors.joining(", "))
                        + ". Report bbox coordinates in JSON format.";
    }

    private static List<List<String>> rounds(final String modelType, final List<String> phrases) {
        return BoxConvention.ofModel(modelType) == BoxConvention.BOX_TOKENS ? phrases.stream().map(List::of).toList()
                : List.of(phrases);
    }

    private static void check(final List<String> phrases) {
        if (phrases.isEmpty()) {
            throw new DataException("no phrase says what to find; give one, such as \"red kite\"");
        }
        if (phrases.size() > GroundingRequest.MAXIMUM_PHRASES) {
            throw new DataException(phrases.size() + " phrases are to be found; at most "
                    + GroundingRequest.MAXIMUM_PHRASES + " can be asked for at once");
        }
    }
}
