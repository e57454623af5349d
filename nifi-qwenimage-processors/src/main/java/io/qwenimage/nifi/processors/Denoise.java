package io.qwenimage.nifi.processors;

import java.util.List;
import java.util.Set;
import org.apache.nifi.annotation.behavior.InputRequirement;
import org.apache.nifi.annotation.documentation.CapabilityDescription;
import org.apache.nifi.annotation.documentation.SeeAlso;
import org.apache.nifi.annotation.documentation.Tags;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.components.Validator;
import org.apache.nifi.expression.ExpressionLanguageScope;
import org.apache.nifi.processor.ProcessContext;
import org.apache.nifi.processor.ProcessSession;
import org.apache.nifi.processor.Relationship;
import org.apache.nifi.processor.exception.ProcessException;

@Tags({"qwen", "image", "diffusion", "text to image", "denoise", "latents"})
@CapabilityDescription("Makes the latents of one or several pictures out of seeded noise, guided by what EncodeText "
        + "encoded.")
@InputRequirement(InputRequirement.Requirement.INPUT_REQUIRED)
@SeeAlso({EncodeText.class, DecodeVAE.class})
public class Denoise extends AbstractStageProcessor {
    static final PropertyDescriptor WIDTH = perFlowFile("Width",
            "Width of the pictures in pixels, rounded down to what the model can make. Empty: what the model "
                    + "recommends.");
    static final PropertyDescriptor HEIGHT = perFlowFile("Height",
            "Height of the pictures in pixels, rounded down to what the model can make. Empty: what the model "
                    + "recommends.");
    static final PropertyDescriptor STEPS = perFlowFile("Steps",
            "Number of denoising steps. Empty: what the model recommends.");
    static final PropertyDescriptor TRUE_CFG_SCALE = perFlowFile("True CFG Scale",
            "How strongly the prompt is preferred to the negative prompt; 1 for not at all, which halves the time. "
                    + "Empty: what the model recommends.");
    static final PropertyDescriptor SEED = perFlowFile("Seed",
            "Seed of the noise, a whole number: the same seed gives the same picture. Empty: drawn, and recorded in "
                    + "qwenimage.seed.");
    static final PropertyDescriptor PICTURES_PER_PROMPT = perFlowFile("Pictures per Prompt",
            "How many pictures to make, with the seeds seed, seed + 1, ... Empty: one.");

    static final Relationship SUCCESS = new Relationship.Builder()
            .name("success")
            .description("One new FlowFile per picture, whose content is a bundle with its latents")
            .build();

    static final Relationship ORIGINAL = new Relationship.Builder()
            .name("original")
            .description("The FlowFile that came in, when all its pictures are made")
            .build();

    private static final List<PropertyDescriptor> PROPERTIES =
            List.of(MODEL_SERVICE, WIDTH, HEIGHT, STEPS, TRUE_CFG_SCALE, SEED, PICTURES_PER_PROMPT);
    private static final Set<Relationship> RELATIONSHIPS = Set.of(SUCCESS, ORIGINAL, FAILURE);

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
        throw new ProcessException("this build does not denoise yet");
    }

    private static PropertyDescriptor perFlowFile(final String name, final String description) {
        return new PropertyDescriptor.Builder()
                .name(name)
                .description(description)
                .expressionLanguageSupported(ExpressionLanguageScope.FLOWFILE_ATTRIBUTES)
                .addValidator(Validator.VALID)
                .build();
    }
}
