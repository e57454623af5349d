package io.qwenimage.nifi.processors;

import io.qwenimage.image.ImageSize;
import io.qwenimage.image.LabelledBox;
import io.qwenimage.image.RgbImage;
import io.qwenimage.nifi.services.ModelLease;
import io.qwenimage.pipeline.BoxList;
import io.qwenimage.pipeline.ChatAnswer;
import io.qwenimage.pipeline.ChatObserver;
import io.qwenimage.pipeline.Grounding;
import io.qwenimage.pipeline.GroundingRequest;
import io.qwenimage.pipeline.GroundingResult;
import io.qwenimage.pipeline.VisionLanguageCard;
import io.qwenimage.pipeline.VisionLanguagePipeline;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.nifi.annotation.behavior.InputRequirement;
import org.apache.nifi.annotation.behavior.ReadsAttribute;
import org.apache.nifi.annotation.behavior.SystemResource;
import org.apache.nifi.annotation.behavior.SystemResourceConsideration;
import org.apache.nifi.annotation.behavior.WritesAttribute;
import org.apache.nifi.annotation.behavior.WritesAttributes;
import org.apache.nifi.annotation.documentation.CapabilityDescription;
import org.apache.nifi.annotation.documentation.SeeAlso;
import org.apache.nifi.annotation.documentation.Tags;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.expression.ExpressionLanguageScope;
import org.apache.nifi.flowfile.FlowFile;
import org.apache.nifi.flowfile.attributes.CoreAttributes;
import org.apache.nifi.processor.ProcessContext;
import org.apache.nifi.processor.ProcessSession;
import org.apache.nifi.processor.Relationship;
import org.apache.nifi.processor.util.StandardValidators;

@Tags({"qwen", "image", "grounding", "detect", "boxes", "find", "crop", "annotate", "vision"})
@CapabilityDescription("Finds in a picture what phrases name, and says where in pixels; or says what is in given boxes. On "
        + "demand shows the boxes on the picture and cuts them out.")
@InputRequirement(InputRequirement.Requirement.INPUT_REQUIRED)
@ReadsAttribute(attribute = "filename", description = "The base of new names")
@WritesAttributes({
    @WritesAttribute(attribute = "qwenimage.boxes", description = "The boxes as JSON, if Answer Destination says so: "
            + "[{\"label\", \"box\": [x1, y1, x2, y2]}, ...], with description for Describe Boxes"),
    @WritesAttribute(attribute = "qwenimage.boxes.count", description = "How many boxes there are"),
    @WritesAttribute(attribute = "qwenimage.points.count", description = "How many points were found"),
    @WritesAttribute(attribute = "qwenimage.answer", description = "On not found: what the model said"),
    @WritesAttribute(attribute = "qwenimage.answer.tokens", description = "Tokens of all answers"),
    @WritesAttribute(attribute = "qwenimage.answer.finished", description = "false if an answer was cut off: there may "
            + "be more to find"),
    @WritesAttribute(attribute = "qwenimage.width", description = "Width of the picture, annotated picture or crop"),
    @WritesAttribute(attribute = "qwenimage.height", description = "Height of the picture, annotated picture or crop"),
    @WritesAttribute(attribute = "qwenimage.label", description = "On crops: what the box shows"),
    @WritesAttribute(attribute = "qwenimage.box", description = "On crops: x1,y1,x2,y2 in pixels of the picture"),
    @WritesAttribute(attribute = "fragment.identifier", description = "On crops: the same for all of a picture"),
    @WritesAttribute(attribute = "fragment.index", description = "On crops: number of the box, from 0"),
    @WritesAttribute(attribute = "fragment.count", description = "On crops: how many there are of the picture"),
    @WritesAttribute(attribute = "segment.original.filename", description = "On crops: name of the picture"),
    @WritesAttribute(attribute = "qwenimage.model", description = "Name of the model"),
    @WritesAttribute(attribute = "qwenimage.model.type", description = "Generation of the model, such as qwen2_5_vl"),
    @WritesAttribute(attribute = "qwenimage.model.trained", description = "false if the model's weights are random"),
    @WritesAttribute(attribute = "mime.type", description = "application/json if the answer replaces the content; "
            + "image/png on annotated and crops"),
    @WritesAttribute(attribute = "filename", description = "With the extension json if the answer replaces the content; "
            + "on annotated and crops with -annotated.png and -0.png, -1.png, ..."),
    @WritesAttribute(attribute = "qwenimage.error", description = "On failure: what is wrong and what would help")
})
@SystemResourceConsideration(resource = SystemResource.CPU)
@SystemResourceConsideration(resource = SystemResource.MEMORY, description = "A picture takes three bytes a pixel of the "
        + "Java heap; the model's weights stay in native memory while the model service keeps them")
@SeeAlso(Caption.class)
public class Ground extends AbstractVisionProcessor {
    static final PropertyDescriptor TASK = new PropertyDescriptor.Builder()
            .name("Task")
            .description("Which way between words and boxes.")
            .required(true)
            .allowableValues(GroundTask.class)
            .defaultValue(GroundTask.FIND)
            .build();
    static final PropertyDescriptor PHRASES = words("Phrases", "What to find, separated by commas or line breaks: names or "
            + "descriptions such as \"the dog on the left\".").dependsOn(TASK, GroundTask.FIND).build();
    static final PropertyDescriptor BOXES = words("Boxes", "The boxes to describe, in the form in which this processor "
            + "writes them.").dependsOn(TASK, GroundTask.DESCRIBE).defaultValue("${qwenimage.boxes}").build();
    static final PropertyDescriptor ANSWER_DESTINATION = new PropertyDescriptor.Builder()
            .fromPropertyDescriptor(Caption.ANSWER_DESTINATION)
            .description("Where the boxes go.")
            .build();
    static final PropertyDescriptor ANNOTATED_PICTURE = onDemand("Annotated Picture", "Whether a copy of the picture with "
            + "the boxes on it goes to annotated.");
    static final PropertyDescriptor CROPS = onDemand("Crops", "Whether what each box covers goes to crops.");

    static final Relationship SUCCESS = relationship("success", "FlowFiles with boxes");
    static final Relationship NOT_FOUND = relationship("not found", "Pictures in which nothing was found, content untouched");
    static final Relationship ANNOTATED = relationship("annotated", "Pictures with boxes on them, if asked for");
    static final Relationship CROPPED = relationship("crops", "What each box covers, if asked for");

    private static final List<PropertyDescriptor> PROPERTIES = Stream.of(
            List.of(MODEL_SERVICE, TASK, PHRASES, BOXES, ANSWER_DESTINATION, ANNOTATED_PICTURE, CROPS),
            AnswerSettings.PROPERTIES, List.of(PictureContent.MAXIMUM_CONTENT_SIZE, PictureContent.MAXIMUM_PIXELS))
            .flatMap(List::stream).toList();
    private static final Set<Relationship> RELATIONSHIPS = Set.of(SUCCESS, NOT_FOUND, ANNOTATED, CROPPED, FAILURE);

    @Override
    protected List<PropertyDescriptor> getSupportedPropertyDescriptors() {
        return PROPERTIES;
    }

    @Override
    public Set<Relationship> getRelationships() {
        return RELATIONSHIPS;
    }

    @Override
    void process(final ProcessContext context, final ProcessSession session, final FlowFile flowFile) {
        final GroundSettings settings = GroundSettings.read(StageAttributes.Values.of(context, flowFile));
        final RgbImage picture = settings.limits().readOne(session, flowFile);
        final VisionLanguageCard card;
        final GroundingResult found;
        final List<String> descriptions = new ArrayList<>();
        try (ModelLease<VisionLanguagePipeline> lease = acquire(context, untilStopped())) {
            card = lease.pipeline().card();
            final Grounding grounding = new Grounding(lease.pipeline());
            found = settings.task() == GroundTask.FIND ? find(grounding, settings, picture)
                    : describe(grounding, settings, picture, descriptions);
        }

        final Map<String, String> attributes = attributes(card, found);
        session.adjustCounter(TOKENS_COUNTER, tokens(found), false);
        final String details = "found by " + card.displayName() + ": " + found.boxes().size() + " boxes, "
                + found.points().size() + " points";
        if (found.isEmpty()) {
            attributes.put(StageAttributes.ANSWER, found.text());
            final FlowFile marked = session.putAllAttributes(session.removeAttribute(flowFile, StageAttributes.ERROR),
                    attributes);
            session.getProvenanceReporter().route(marked, NOT_FOUND, details);
            session.transfer(marked, NOT_FOUND);
            return;
        }
        final FoundPictures pictures = new FoundPictures(session, flowFile, picture, details);
        if (settings.annotated()) {
            pictures.sendAnnotated(found, attributes);
        }
        if (settings.crops()) {
            pictures.sendCrops(found.boxes(), attributes);
        }
        final boolean find = settings.task() == GroundTask.FIND;
        final String boxes = find ? GroundingResult.boxesToJson(found.boxes())
                : BoxList.describe(found.boxes(), descriptions);
        send(session, flowFile, settings.destination(), find ? found.toJson() : boxes, boxes, attributes, details);
    }

    @Override
    String describeProperties(final StageAttributes.Values values) {
        // What is to be found or described may come with each FlowFile alone.
        final boolean find = values.of(TASK, GroundTask.class) == GroundTask.FIND;
        final String words = values.of(find ? PHRASES : BOXES);
        final String task = words == null || words.isBlank() ? "each FlowFile says what to "
                + (find ? "find" : "describe") : find
                ? "phrases to find: " + GroundSettings.read(values).phrases().size()
                : "boxes to describe: " + GroundSettings.read(values).boxes().size();
        return task + "; " + AnswerSettings.read(values).describe();
    }

    private GroundingResult find(final Grounding grounding, final GroundSettings settings, final RgbImage picture) {
        return grounding.find(new GroundingRequest(picture, settings.phrases(), settings.answer().maxNewTokens(),
                settings.answer().sampling()), ChatObserver.NONE, untilStopped());
    }

    private GroundingResult describe(final Grounding grounding, final GroundSettings settings, final RgbImage picture,
            final List<String> descriptions) {
        final List<ChatAnswer> answers = new ArrayList<>();
        for (final LabelledBox box : settings.boxes()) {
            answers.add(grounding.describe(picture, box, settings.answer().maxNewTokens(),
                    settings.answer().sampling(), ChatObserver.NONE, untilStopped()));
            descriptions.add(answers.getLast().text());
        }
        return new GroundingResult(ImageSize.of(picture), settings.boxes(), List.of(), answers);
    }

    private static void send(final ProcessSession session, final FlowFile flowFile, final AnswerDestination destination,
            final String content, final String boxes, final Map<String, String> attributes, final String details) {
        FlowFile result = session.putAllAttributes(session.removeAttribute(flowFile, StageAttributes.ERROR), attributes);
        if (destination.fillsAttribute()) {
            result = session.putAttribute(result, StageAttributes.BOXES, boxes);
        }
        if (destination.replacesContent()) {
            result = session.write(result, stream -> stream.write(content.getBytes(StandardCharsets.UTF_8)));
            result = session.putAllAttributes(result, Map.of(CoreAttributes.MIME_TYPE.key(), "application/json",
                    CoreAttributes.FILENAME.key(), StageAttributes.withExtension(
                            flowFile.getAttribute(CoreAttributes.FILENAME.key()), "json")));
            session.getProvenanceReporter().modifyContent(result, details);
        } else {
            session.getProvenanceReporter().modifyAttributes(result, details);
        }
        session.transfer(result, SUCCESS);
    }

    private static Map<String, String> attributes(final VisionLanguageCard card, final GroundingResult found) {
        final Map<String, String> attributes = attributes(card);
        attributes.put(StageAttributes.BOXES_COUNT, Integer.toString(found.boxes().size()));
        attributes.put(StageAttributes.POINTS_COUNT, Integer.toString(found.points().size()));
        attributes.put(StageAttributes.ANSWER_TOKENS, Integer.toString(tokens(found)));
        attributes.put(StageAttributes.ANSWER_FINISHED, Boolean.toString(found.finished()));
        attributes.put(StageAttributes.WIDTH, Integer.toString(found.size().width()));
        attributes.put(StageAttributes.HEIGHT, Integer.toString(found.size().height()));
        return attributes;
    }

    private static int tokens(final GroundingResult found) {
        return found.answers().stream().mapToInt(answer -> answer.tokenIds().length).sum();
    }

    private static PropertyDescriptor.Builder words(final String name, final String description) {
        return new PropertyDescriptor.Builder().name(name).description(description).required(true)
                .expressionLanguageSupported(ExpressionLanguageScope.FLOWFILE_ATTRIBUTES)
                .addValidator(StandardValidators.NON_EMPTY_VALIDATOR);
    }

    private static PropertyDescriptor onDemand(final String name, final String description) {
        return new PropertyDescriptor.Builder().name(name).description(description).required(true)
                .dependsOn(TASK, GroundTask.FIND).allowableValues("true", "false").defaultValue("false").build();
    }

    private static Relationship relationship(final String name, final String description) {
        return new Relationship.Builder().name(name).description(description).build();
    }
}
