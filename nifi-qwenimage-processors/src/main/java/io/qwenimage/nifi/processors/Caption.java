package io.qwenimage.nifi.processors;

import io.qwenimage.image.RgbImage;
import io.qwenimage.nifi.services.ModelLease;
import io.qwenimage.pipeline.CaptionRequest;
import io.qwenimage.pipeline.CaptionResult;
import io.qwenimage.pipeline.Captioning;
import io.qwenimage.pipeline.ChatObserver;
import io.qwenimage.pipeline.GroundingResult;
import io.qwenimage.pipeline.VisionLanguageCard;
import io.qwenimage.pipeline.VisionLanguagePipeline;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
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
import org.apache.nifi.components.Validator;
import org.apache.nifi.expression.ExpressionLanguageScope;
import org.apache.nifi.flowfile.FlowFile;
import org.apache.nifi.flowfile.attributes.CoreAttributes;
import org.apache.nifi.processor.ProcessContext;
import org.apache.nifi.processor.ProcessSession;
import org.apache.nifi.processor.Relationship;
import org.apache.nifi.processor.util.StandardValidators;
import org.apache.nifi.util.StopWatch;

@Tags({"qwen", "image", "caption", "describe", "question", "answer", "ocr", "tags", "alt text", "vision"})
@CapabilityDescription("Describes a picture, or answers a question about one or several. The content is a picture, or a "
        + "TAR or ZIP archive of pictures.")
@InputRequirement(InputRequirement.Requirement.INPUT_REQUIRED)
@ReadsAttribute(attribute = "filename", description = "The base of the new name, if the answer replaces the content")
@WritesAttributes({
    @WritesAttribute(attribute = "qwenimage.answer", description = "The answer, if Answer Destination says so"),
    @WritesAttribute(attribute = "qwenimage.answer.tokens", description = "Tokens of the answer"),
    @WritesAttribute(attribute = "qwenimage.answer.finished", description = "false if the answer was cut off at Maximum "
            + "New Tokens"),
    @WritesAttribute(attribute = "qwenimage.answer.attempts", description = "How often the question was asked until the "
            + "answer was of the form asked for"),
    @WritesAttribute(attribute = "qwenimage.boxes.count", description = "How many lines of text were found, for Read Text "
            + "with Boxes"),
    @WritesAttribute(attribute = "qwenimage.pictures", description = "How many pictures were shown to the model"),
    @WritesAttribute(attribute = "qwenimage.seed", description = "Seed of the draws, if Temperature is set"),
    @WritesAttribute(attribute = "qwenimage.model", description = "Name of the model"),
    @WritesAttribute(attribute = "qwenimage.model.type", description = "Generation of the model, such as qwen2_5_vl"),
    @WritesAttribute(attribute = "qwenimage.model.trained", description = "false if the model's weights are random"),
    @WritesAttribute(attribute = "mime.type", description = "text/plain or application/json, if the answer replaces the "
            + "content"),
    @WritesAttribute(attribute = "filename", description = "The FlowFile's name with the extension txt or json, if the "
            + "answer replaces the content"),
    @WritesAttribute(attribute = "qwenimage.error", description = "On failure: what is wrong and what would help")
})
@SystemResourceConsideration(resource = SystemResource.CPU)
@SystemResourceConsideration(resource = SystemResource.MEMORY, description = "A picture takes three bytes a pixel of the "
        + "Java heap; the model's weights stay in native memory while the model service keeps them")
@SeeAlso(Ground.class)
public class Caption extends AbstractVisionProcessor {
    static final PropertyDescriptor QUESTION = new PropertyDescriptor.Builder()
            .name("Question")
            .description("What is asked.")
            .required(true)
            .allowableValues(CaptionQuestion.class)
            .defaultValue(CaptionQuestion.CAPTION)
            .build();

    static final PropertyDescriptor PROMPT = new PropertyDescriptor.Builder()
            .name("Prompt")
            .description("The question, in any language. Pictures stand before it.")
            .required(true)
            .dependsOn(QUESTION, CaptionQuestion.PROMPT_PROPERTY)
            .expressionLanguageSupported(ExpressionLanguageScope.FLOWFILE_ATTRIBUTES)
            .addValidator(StandardValidators.NON_EMPTY_VALIDATOR)
            .build();

    static final PropertyDescriptor ANSWER_DESTINATION = new PropertyDescriptor.Builder()
            .name("Answer Destination")
            .description("Where the answer goes.")
            .required(true)
            .allowableValues(AnswerDestination.class)
            .defaultValue(AnswerDestination.CONTENT)
            .build();

    static final PropertyDescriptor STOP_STRINGS = new PropertyDescriptor.Builder()
            .name("Stop Strings")
            .description("The answer ends where one of these begins; one per line.")
            .expressionLanguageSupported(ExpressionLanguageScope.FLOWFILE_ATTRIBUTES)
            .addValidator(Validator.VALID)
            .build();

    static final PropertyDescriptor ANSWER_FORM = new PropertyDescriptor.Builder()
            .name("Answer Form")
            .description("What the answer must be. Read Text with Boxes is JSON in any case.")
            .required(true)
            .allowableValues(AnswerForm.class)
            .defaultValue(AnswerForm.TEXT)
            .build();

    static final PropertyDescriptor JSON_SCHEMA = new PropertyDescriptor.Builder()
            .name("JSON Schema")
            .description("The answer must fit this JSON schema. Empty: any JSON will do. The model does not see it: say in "
                    + "the prompt what the JSON shall look like.")
            .dependsOn(ANSWER_FORM, AnswerForm.JSON)
            .expressionLanguageSupported(ExpressionLanguageScope.FLOWFILE_ATTRIBUTES)
            .addValidator(Validator.VALID)
            .build();

    static final PropertyDescriptor RETRIES = new PropertyDescriptor.Builder()
            .name("Retries")
            .description("How often the question is asked again, with a word on what was wrong, if the answer is not the "
                    + "JSON that was asked for; then the FlowFile goes to failure.")
            .required(true)
            .dependsOn(ANSWER_FORM, AnswerForm.JSON)
            .defaultValue("2")
            .expressionLanguageSupported(ExpressionLanguageScope.FLOWFILE_ATTRIBUTES)
            .addValidator(CaptionSettings.RETRIES)
            .build();

    static final Relationship SUCCESS = new Relationship.Builder()
            .name("success")
            .description("FlowFiles with the answer")
            .build();

    private static final List<PropertyDescriptor> PROPERTIES = Stream.of(
            List.of(MODEL_SERVICE, QUESTION, PROMPT, ANSWER_DESTINATION, ANSWER_FORM, JSON_SCHEMA, RETRIES),
            AnswerSettings.PROPERTIES,
            List.of(STOP_STRINGS, PictureContent.MAXIMUM_CONTENT_SIZE, PictureContent.MAXIMUM_PIXELS))
            .flatMap(List::stream).toList();
    private static final Set<Relationship> RELATIONSHIPS = Set.of(SUCCESS, FAILURE);

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
        final StopWatch stopWatch = new StopWatch(true);
        final CaptionSettings settings = CaptionSettings.read(StageAttributes.Values.of(context, flowFile));
        final List<RgbImage> pictures = settings.limits().read(session, flowFile);
        final CaptionRequest request = settings.request(pictures);
        final VisionLanguageCard card;
        final CaptionResult result;
        try (ModelLease<VisionLanguagePipeline> lease = acquire(context, untilStopped())) {
            card = lease.pipeline().card();
            result = new Captioning(lease.pipeline()).ask(request, ChatObserver.NONE, untilStopped());
        }

        final String answer = settings.hasBoxes() ? GroundingResult.boxesToJson(result.boxes()) : result.content();
        final Map<String, String> attributes = attributes(card);
        putAnswer(attributes, settings, result, answer);
        attributes.put(StageAttributes.PICTURES, Integer.toString(pictures.size()));
        FlowFile answered = flowFile;
        if (settings.destination().replacesContent()) {
            answered = session.write(answered, stream -> stream.write(answer.getBytes(StandardCharsets.UTF_8)));
            attributes.put(CoreAttributes.MIME_TYPE.key(), settings.isJson() ? "application/json" : "text/plain");
            attributes.put(CoreAttributes.FILENAME.key(), StageAttributes.withExtension(
                    flowFile.getAttribute(CoreAttributes.FILENAME.key()), settings.isJson() ? "json" : "txt"));
        }
        answered = session.putAllAttributes(answered, attributes);
        answered = session.removeAttribute(answered, StageAttributes.ERROR);
        session.adjustCounter(TOKENS_COUNTER, result.answer().tokenIds().length, false);
        final String details = "answered by " + card.displayName() + " with " + result.answer().tokenIds().length
                + " tokens, attempts: " + result.attempts();
        if (settings.destination().replacesContent()) {
            session.getProvenanceReporter().modifyContent(answered, details,
                    stopWatch.getElapsed(TimeUnit.MILLISECONDS));
        } else {
            session.getProvenanceReporter().modifyAttributes(answered, details);
        }
        session.transfer(answered, SUCCESS);
    }

    @Override
    String describeProperties(final StageAttributes.Values values) {
        final CaptionSettings settings = CaptionSettings.read(values);
        return "the question has " + settings.prompt().length() + " characters; " + settings.answer().describe()
                + (settings.isJson() ? ", which must be JSON" + (settings.schema() == null ? "" : " of the schema") : "");
    }

    private static void putAnswer(final Map<String, String> attributes, final CaptionSettings settings,
            final CaptionResult result, final String answer) {
        if (settings.destination().fillsAttribute()) {
            attributes.put(StageAttributes.ANSWER, answer);
        }
        if (settings.hasBoxes()) {
            attributes.put(StageAttributes.BOXES_COUNT, Integer.toString(result.boxes().size()));
        }
        if (settings.answer().draws()) {
            attributes.put(StageAttributes.SEED, Long.toString(settings.answer().sampling().seed()));
        }
        attributes.put(StageAttributes.ANSWER_TOKENS, Integer.toString(result.answer().tokenIds().length));
        attributes.put(StageAttributes.ANSWER_FINISHED, Boolean.toString(result.answer().finished()));
        attributes.put(StageAttributes.ANSWER_ATTEMPTS, Integer.toString(result.attempts()));
    }
}
