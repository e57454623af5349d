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

@Tags({"qwen", "image", "diffusion", "text to image", "decode", "png", "jpeg"})
@CapabilityDescription("Decodes the latents that Denoise made into a picture with metadata.")
@InputRequirement(InputRequirement.Requirement.INPUT_REQUIRED)
@SeeAlso({EncodeText.class, Denoise.class})
public class DecodeVAE extends AbstractStageProcessor {
    static final PropertyDescriptor IMAGE_FORMAT = new PropertyDescriptor.Builder()
            .name("Image Format")
            .description("File format of the picture.")
            .required(true)
            .allowableValues(PictureFormat.class)
            .defaultValue(PictureFormat.PNG)
            .build();

    static final PropertyDescriptor QUALITY = new PropertyDescriptor.Builder()
            .name("Quality")
            .description("From 1, small, to 100, good.")
            .required(true)
            .dependsOn(IMAGE_FORMAT, PictureFormat.JPEG)
            .defaultValue("90")
            .expressionLanguageSupported(ExpressionLanguageScope.FLOWFILE_ATTRIBUTES)
            .addValidator(StandardValidators.createLongValidator(1, 100, true))
            .build();

    static final PropertyDescriptor WRITE_PROMPT = metadataSwitch("Write Prompt",
            "Whether the picture's metadata has prompt and negative prompt, if EncodeText recorded them.");
    static final PropertyDescriptor WRITE_GENERATION_PARAMETERS = metadataSwitch("Write Generation Parameters",
            "Whether the picture's metadata has model, seed, steps, true CFG scale and size.");
    static final PropertyDescriptor WRITE_DIGITAL_SOURCE_TYPE = metadataSwitch("Write Digital Source Type",
            "Whether the picture's metadata says, in the words of the IPTC, that it was made by a trained algorithm.");

    static final Relationship SUCCESS = new Relationship.Builder()
            .name("success")
            .description("A new FlowFile whose content is the picture")
            .build();

    static final Relationship ORIGINAL = new Relationship.Builder()
            .name("original")
            .description("The bundle that came in, when its picture is made")
            .build();

    private static final List<PropertyDescriptor> PROPERTIES = List.of(MODEL_SERVICE, IMAGE_FORMAT, QUALITY,
            WRITE_PROMPT, WRITE_GENERATION_PARAMETERS, WRITE_DIGITAL_SOURCE_TYPE);
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
        throw new ProcessException("this build does not decode yet");
    }

    private static PropertyDescriptor metadataSwitch(final String name, final String description) {
        return new PropertyDescriptor.Builder()
                .name(name)
                .description(description)
                .required(true)
                .allowableValues("true", "false")
                .defaultValue("true")
                .build();
    }
}
