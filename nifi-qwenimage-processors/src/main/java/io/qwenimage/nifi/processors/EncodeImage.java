package io.qwenimage.nifi.processors;

import io.qwenimage.image.RgbImage;
import io.qwenimage.nifi.services.ModelLease;
import io.qwenimage.nifi.services.TinyForward;
import io.qwenimage.pipeline.Bundle;
import io.qwenimage.pipeline.ImageRequest;
import io.qwenimage.pipeline.ModelCard;
import io.qwenimage.pipeline.QwenImagePipeline;
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
import org.apache.nifi.processor.ProcessContext;
import org.apache.nifi.processor.ProcessSession;
import org.apache.nifi.processor.Relationship;
import org.apache.nifi.util.StopWatch;

@Tags({"qwen", "image", "diffusion", "edit", "image to image", "inpaint", "mask", "encode", "vae"})
@CapabilityDescription("Encodes the picture, or pictures, that an edit begins with, for EncodeText: how they look and "
        + "what they mean; or the picture that image-to-image or inpainting begins with. The content is a picture, or a "
        + "TAR or ZIP archive of pictures.")
@InputRequirement(InputRequirement.Requirement.INPUT_REQUIRED)
@ReadsAttribute(attribute = "filename", description = "The base of the new name")
@WritesAttributes({
    @WritesAttribute(attribute = "mime.type", description = "application/x-safetensors"),
    @WritesAttribute(attribute = "filename", description = "The FlowFile's name with the extension safetensors"),
    @WritesAttribute(attribute = "qwenimage.model", description = "Identifier of the model; the stages that follow "
            + "need the same"),
    @WritesAttribute(attribute = "qwenimage.model.trained", description = "false if the model's weights are random"),
    @WritesAttribute(attribute = "qwenimage.pictures", description = "How many pictures were encoded"),
    @WritesAttribute(attribute = "qwenimage.error", description = "On failure: what is wrong and what would help")
})
@SystemResourceConsideration(resource = SystemResource.CPU)
@SystemResourceConsideration(resource = SystemResource.MEMORY, description = "A picture takes three bytes a pixel of the "
        + "Java heap; the encoders' weights stay in native memory while the model service keeps them")
@SeeAlso({EncodeText.class, Denoise.class, DecodeVAE.class})
public class EncodeImage extends AbstractStageProcessor {
    static final PropertyDescriptor PURPOSE = new PropertyDescriptor.Builder()
            .name("Purpose")
            .description("What the pictures are encoded for.")
            .required(true)
            .allowableValues(PicturePurpose.class)
            .defaultValue(PicturePurpose.EDIT)
            .build();

    static final PropertyDescriptor WIDTH = size("Width");
    static final PropertyDescriptor HEIGHT = size("Height");

    static final Relationship SUCCESS = new Relationship.Builder()
            .name("success")
            .description("FlowFiles whose content is now a bundle with the encoded pictures")
            .build();

    private static final List<PropertyDescriptor> PROPERTIES =
            List.of(MODEL_SERVICE, PURPOSE, WIDTH, HEIGHT, PictureContent.MAXIMUM_CONTENT_SIZE, PictureContent.MAXIMUM_PIXELS);
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
        final EncodeImageSettings settings = EncodeImageSettings.read(StageAttributes.Values.of(context, flowFile));
        final List<RgbImage> pictures = settings.limits().read(session, flowFile);
        final ImageRequest request = settings.request(pictures);
        final ModelCard card;
        final Bundle encoded;
        try (ModelLease<QwenImagePipeline> lease = acquire(context, untilStopped())) {
            card = lease.pipeline().card();
            encoded = lease.pipeline().encodeImage(request, untilStopped());
        }

        final Map<String, String> attributes = BundleContent.attributes(flowFile, card);
        attributes.put(StageAttributes.PICTURES, Integer.toString(pictures.size()));
        FlowFile result = BundleContent.write(session, flowFile, encoded);
        result = session.putAllAttributes(result, attributes);
        result = session.removeAttribute(result, StageAttributes.ERROR);
        session.getProvenanceReporter().modifyContent(result, "encoded with " + card.displayName() + " (" + card.id()
                + "), pictures: " + pictures.size(), stopWatch.getElapsed(TimeUnit.MILLISECONDS));
        session.transfer(result, SUCCESS);
    }

    @Override
    String describeProperties(final StageAttributes.Values values) {
        final EncodeImageSettings settings = EncodeImageSettings.read(values);
        final PictureContent limits = settings.limits();
        return "purpose: " + settings.purpose().getDisplayName() + "; pictures have up to " + limits.maximumPixels() + " pixels each and " + limits.maximumBytes()
                + " bytes together";
    }

    @Override
    String tryOut(final TinyForward forward) {
        return "a small picture became tensors " + forward.encodeImage().tensors();
    }

    private static PropertyDescriptor size(final String name) {
        return new PropertyDescriptor.Builder()
                .name(name)
                .description(name + " of the result in pixels, to which the picture is resized; rounded down to what the "
                        + "model can make. Empty: what the model recommends.")
                .dependsOn(PURPOSE, PicturePurpose.IMAGE_TO_IMAGE, PicturePurpose.INPAINT)
                .expressionLanguageSupported(ExpressionLanguageScope.FLOWFILE_ATTRIBUTES)
                .addValidator(DenoiseSettings.SIZES)
                .build();
    }
}
