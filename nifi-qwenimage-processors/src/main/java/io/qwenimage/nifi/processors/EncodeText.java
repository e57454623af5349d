package io.qwenimage.nifi.processors;

import io.qwenimage.nifi.services.ModelLease;
import io.qwenimage.nifi.services.TinyForward;
import io.qwenimage.pipeline.Bundle;
import io.qwenimage.pipeline.ModelCard;
import io.qwenimage.pipeline.QwenImagePipeline;
import io.qwenimage.pipeline.TextRequest;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
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
import org.apache.nifi.processor.DataUnit;
import org.apache.nifi.processor.ProcessContext;
import org.apache.nifi.processor.ProcessSession;
import org.apache.nifi.processor.Relationship;
import org.apache.nifi.processor.util.StandardValidators;
import org.apache.nifi.util.StopWatch;

@Tags({"qwen", "image", "diffusion", "text to image", "prompt", "embedding"})
@CapabilityDescription("Encodes a prompt, and a negative prompt if there is one, for Denoise; for an edit together with "
        + "the pictures that EncodeImage encoded.")
@InputRequirement(InputRequirement.Requirement.INPUT_REQUIRED)
@ReadsAttribute(attribute = "filename", description = "The base of the new name")
@WritesAttributes({
    @WritesAttribute(attribute = "mime.type", description = "application/x-safetensors"),
    @WritesAttribute(attribute = "filename", description = "The FlowFile's name with the extension safetensors"),
    @WritesAttribute(attribute = "qwenimage.model", description = "Identifier of the model; the stages that follow "
            + "need the same"),
    @WritesAttribute(attribute = "qwenimage.model.trained", description = "false if the model's weights are random"),
    @WritesAttribute(attribute = "qwenimage.prompt.tokens", description = "Tokens of the prompt that the model kept"),
    @WritesAttribute(attribute = "qwenimage.negative.prompt.tokens", description = "Tokens of the negative prompt that "
            + "the model kept, if there is one"),
    @WritesAttribute(attribute = "qwenimage.prompt", description = "The prompt, if Record Prompt says so"),
    @WritesAttribute(attribute = "qwenimage.negative.prompt", description = "The negative prompt, if Record Prompt "
            + "says so"),
    @WritesAttribute(attribute = "qwenimage.error", description = "On failure: what is wrong and what would help")
})
@SystemResourceConsideration(resource = SystemResource.CPU)
@SystemResourceConsideration(resource = SystemResource.MEMORY, description = "The text encoder's weights stay in "
        + "native memory while the model service keeps them")
@SeeAlso({EncodeImage.class, Denoise.class, DecodeVAE.class})
public class EncodeText extends AbstractStageProcessor {
    static final PropertyDescriptor PROMPT_SOURCE = new PropertyDescriptor.Builder()
            .name("Prompt Source")
            .description("Where the prompt comes from.")
            .required(true)
            .allowableValues(PromptSource.class)
            .defaultValue(PromptSource.FLOWFILE_CONTENT)
            .build();

    static final PropertyDescriptor PROMPT = new PropertyDescriptor.Builder()
            .name("Prompt")
            .description("What the picture shows; for an edit, how to change the pictures.")
            .required(true)
            .dependsOn(PROMPT_SOURCE, PromptSource.PROMPT_PROPERTY, PromptSource.PICTURES_IN_CONTENT)
            .expressionLanguageSupported(ExpressionLanguageScope.FLOWFILE_ATTRIBUTES)
            .addValidator(StandardValidators.NON_EMPTY_VALIDATOR)
            .build();

    static final PropertyDescriptor NEGATIVE_PROMPT = new PropertyDescriptor.Builder()
            .name("Negative Prompt")
            .description("What the picture must not show. Empty: what the model recommends.")
            .expressionLanguageSupported(ExpressionLanguageScope.FLOWFILE_ATTRIBUTES)
            .addValidator(StandardValidators.NON_EMPTY_VALIDATOR)
            .build();

    static final PropertyDescriptor MAXIMUM_PROMPT_SIZE = new PropertyDescriptor.Builder()
            .name("Maximum Prompt Size")
            .description("A prompt of more bytes in UTF-8 than this goes to failure. The model reads some thousand "
                    + "characters and ignores the rest.")
            .required(true)
            .defaultValue("64 KB")
            .addValidator(StandardValidators.createDataSizeBoundsValidator(1, 16L * 1024 * 1024))
            .build();

    static final PropertyDescriptor RECORD_PROMPT = new PropertyDescriptor.Builder()
            .name("Record Prompt")
            .description("Where the text of the prompts is kept once they are encoded.")
            .required(true)
            .allowableValues(PromptRecording.class)
            .defaultValue(PromptRecording.BUNDLE)
            .build();

    static final Relationship SUCCESS = new Relationship.Builder()
            .name("success")
            .description("FlowFiles whose content is now a bundle with the encoded prompts")
            .build();

    private static final List<PropertyDescriptor> PROPERTIES = List.of(MODEL_SERVICE, PROMPT_SOURCE, PROMPT,
            NEGATIVE_PROMPT, MAXIMUM_PROMPT_SIZE, RECORD_PROMPT);
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
        final StageAttributes.Values values = StageAttributes.Values.of(context, flowFile);
        final PromptSource source = values.of(PROMPT_SOURCE, PromptSource.class);
        final PromptRecording recording = values.of(RECORD_PROMPT, PromptRecording.class);
        final PromptText texts = new PromptText(maximumPromptBytes(values));
        final String prompt = source == PromptSource.FLOWFILE_CONTENT
                ? texts.ofContent(session, flowFile) : texts.of("Prompt", values.of(PROMPT));
        final String negative = texts.optional("Negative Prompt", values.of(NEGATIVE_PROMPT));
        final Bundle pictures = source == PromptSource.PICTURES_IN_CONTENT
                ? BundleContent.read(session, flowFile) : null;

        final ModelCard card;
        final TextRequest request;
        final Bundle encoded;
        try (ModelLease<QwenImagePipeline> lease = acquire(context, untilStopped())) {
            card = lease.pipeline().card();
            request = new TextRequest(prompt, negative == null ? card.defaultNegativePrompt() : negative);
            encoded = pictures == null ? lease.pipeline().encodeText(request, untilStopped())
                    : lease.pipeline().encodeText(pictures, request, untilStopped());
        }

        FlowFile result = BundleContent.write(session, flowFile, recording.record(encoded, request));
        result = session.putAllAttributes(result, attributes(flowFile, card, encoded, request, recording));
        result = session.removeAttribute(result, StageAttributes.ERROR);
        session.getProvenanceReporter().modifyContent(result, "encoded with " + card.displayName() + " (" + card.id()
                + "), tokens: " + result.getAttribute(StageAttributes.PROMPT_TOKENS),
                stopWatch.getElapsed(TimeUnit.MILLISECONDS));
        session.transfer(result, SUCCESS);
    }

    @Override
    String describeProperties(final StageAttributes.Values values) {
        final PromptText texts = new PromptText(maximumPromptBytes(values));
        final String negative = texts.optional("Negative Prompt", values.of(NEGATIVE_PROMPT));
        final String prompt = values.of(PROMPT_SOURCE, PromptSource.class) == PromptSource.FLOWFILE_CONTENT
                ? "the content of each FlowFile is its prompt, up to " + texts.maximumBytes() + " bytes"
                : "the prompt has " + texts.of("Prompt", values.of(PROMPT)).length() + " characters";
        return prompt + "; " + (negative == null
                ? "the model's recommended negative prompt, if it has one"
                : "the negative prompt has " + negative.length() + " characters");
    }

    @Override
    String tryOut(final TinyForward forward) {
        return "a prompt of one letter became tensors " + forward.encode().tensors();
    }

    private static long maximumPromptBytes(final StageAttributes.Values values) {
        return DataUnit.parseDataSize(values.of(MAXIMUM_PROMPT_SIZE), DataUnit.B).longValue();
    }

    private static Map<String, String> attributes(final FlowFile flowFile, final ModelCard card, final Bundle encoded,
            final TextRequest request, final PromptRecording recording) {
        final Map<String, String> attributes = BundleContent.attributes(flowFile, card);
        attributes.put(StageAttributes.PROMPT_TOKENS, tokens(encoded, BundleContent.PROMPT_EMBEDS));
        if (encoded.has(BundleContent.NEGATIVE_PROMPT_EMBEDS)) {
            attributes.put(StageAttributes.NEGATIVE_PROMPT_TOKENS,
                    tokens(encoded, BundleContent.NEGATIVE_PROMPT_EMBEDS));
        }
        if (recording == PromptRecording.BUNDLE_AND_ATTRIBUTES) {
            attributes.put(StageAttributes.PROMPT, request.prompt());
            if (request.negativePrompt() != null) {
                attributes.put(StageAttributes.NEGATIVE_PROMPT, request.negativePrompt());
            }
        }
        return attributes;
    }

    private static String tokens(final Bundle encoded, final String tensor) {
        return Long.toString(encoded.tensor(tensor).shape().extent(0));
    }
}
