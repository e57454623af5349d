package io.qwenimage.nifi.processors;

import java.util.List;
import java.util.Set;
import org.apache.nifi.annotation.behavior.InputRequirement;
import org.apache.nifi.annotation.documentation.CapabilityDescription;
import org.apache.nifi.annotation.documentation.SeeAlso;
import org.apache.nifi.annotation.documentation.Tags;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.expression.ExpressionLanguageScope;
import org.apache.nifi.processor.ProcessContext;
import org.apache.nifi.processor.ProcessSession;
import org.apache.nifi.processor.Relationship;
import org.apache.nifi.processor.exception.ProcessException;
import org.apache.nifi.processor.util.StandardValidators;

@Tags({"qwen", "image", "diffusion", "text to image", "prompt", "embedding"})
@CapabilityDescription("Encodes a prompt, and a negative prompt if there is one, for Denoise.")
@InputRequirement(InputRequirement.Requirement.INPUT_REQUIRED)
@SeeAlso({Denoise.class, DecodeVAE.class})
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
            .description("What the picture shows.")
            .required(true)
            .dependsOn(PROMPT_SOURCE, PromptSource.PROMPT_PROPERTY)
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
    public void onTrigger(final ProcessContext context, final ProcessSession session) {
        throw new ProcessException("this build does not encode text yet");
    }
}
