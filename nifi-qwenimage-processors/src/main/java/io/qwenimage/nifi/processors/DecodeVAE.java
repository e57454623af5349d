package io.qwenimage.nifi.processors;

import io.qwenimage.image.ImageEncoder;
import io.qwenimage.image.ImageFormat;
import io.qwenimage.image.ImageMetadata;
import io.qwenimage.image.RgbImage;
import io.qwenimage.nifi.services.ModelLease;
import io.qwenimage.nifi.services.TinyForward;
import io.qwenimage.pipeline.Bundle;
import io.qwenimage.pipeline.DataException;
import io.qwenimage.pipeline.ModelCard;
import io.qwenimage.pipeline.QwenImagePipeline;
import java.math.BigDecimal;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
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
import org.apache.nifi.util.StopWatch;

@Tags({"qwen", "image", "diffusion", "text to image", "decode", "png", "jpeg", "webp"})
@CapabilityDescription("Decodes the latents that Denoise made into a picture with metadata.")
@InputRequirement(InputRequirement.Requirement.INPUT_REQUIRED)
@ReadsAttribute(attribute = "filename", description = "The base of the new name")
@WritesAttributes({
    @WritesAttribute(attribute = "mime.type", description = "image/png, image/jpeg or image/webp"),
    @WritesAttribute(attribute = "filename", description = "The FlowFile's name with the extension png, jpg or webp"),
    @WritesAttribute(attribute = "qwenimage.model", description = "Identifier of the model"),
    @WritesAttribute(attribute = "qwenimage.model.trained", description = "false if the model's weights are random"),
    @WritesAttribute(attribute = "qwenimage.width", description = "Width of the picture in pixels"),
    @WritesAttribute(attribute = "qwenimage.height", description = "Height of the picture in pixels"),
    @WritesAttribute(attribute = "qwenimage.error", description = "On failure: what is wrong and what would help")
})
@SystemResourceConsideration(resource = SystemResource.CPU)
@SystemResourceConsideration(resource = SystemResource.MEMORY, description = "The decoder's weights stay in native "
        + "memory while the model service keeps them")
@SeeAlso({EncodeText.class, Denoise.class})
public class DecodeVAE extends AbstractStageProcessor {
    private static final int HUNDRED = 100;
    private static final NumberRange QUALITIES = NumberRange.whole(1, HUNDRED);
    private static final String SOFTWARE = "nifi-qwenimage";

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
            .dependsOn(IMAGE_FORMAT, PictureFormat.JPEG, PictureFormat.WEBP)
            .defaultValue("90")
            .expressionLanguageSupported(ExpressionLanguageScope.FLOWFILE_ATTRIBUTES)
            .addValidator(QUALITIES)
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
    void process(final ProcessContext context, final ProcessSession session, final FlowFile flowFile) {
        final StopWatch stopWatch = new StopWatch(true);
        final StageAttributes.Values values = StageAttributes.Values.of(context, flowFile);
        final ImageFormat format = values.of(IMAGE_FORMAT, PictureFormat.class).format();
        final float quality = quality(values, format);
        final Bundle bundle = BundleContent.read(session, flowFile);
        final ModelCard card;
        final RgbImage image;
        try (ModelLease<QwenImagePipeline> lease = acquire(context, untilStopped())) {
            card = lease.pipeline().card();
            image = lease.pipeline().decode(bundle, untilStopped());
        }
        if (Math.max(image.width(), image.height()) > format.maximumExtent()) {
            throw new DataException("the picture has " + image.width() + " x " + image.height() + " pixels but "
                    + format + " holds at most " + format.maximumExtent() + " a side; choose PNG");
        }
        final ImageMetadata metadata = metadata(context, bundle, card, image);

        FlowFile picture = session.write(session.create(flowFile),
                stream -> ImageEncoder.write(image, format, quality, metadata, stream));
        picture = session.putAllAttributes(picture, attributes(flowFile, card, image, format));
        picture = session.removeAttribute(picture, StageAttributes.ERROR);
        session.getProvenanceReporter().modifyContent(picture, format + ", " + image.width() + " x " + image.height()
                + " pixels, " + card.displayName(), stopWatch.getElapsed(TimeUnit.MILLISECONDS));
        session.transfer(picture, SUCCESS);
        session.transfer(session.removeAttribute(flowFile, StageAttributes.ERROR), ORIGINAL);
    }

    @Override
    String describeProperties(final StageAttributes.Values values) {
        final ImageFormat format = values.of(IMAGE_FORMAT, PictureFormat.class).format();
        return "pictures are written as " + format
                + (format == ImageFormat.PNG ? "" : " of quality " + Math.round(quality(values, format) * HUNDRED));
    }

    @Override
    String tryOut(final TinyForward forward) {
        final RgbImage image = forward.decode();
        return "latents became a picture of " + image.width() + " x " + image.height() + " pixels";
    }

    /** The property does not exist for a format that loses nothing. */
    private static float quality(final StageAttributes.Values values, final ImageFormat format) {
        final BigDecimal quality = format == ImageFormat.PNG ? null : QUALITIES.read("Quality", values.of(QUALITY));
        return quality == null ? ImageEncoder.DEFAULT_QUALITY : quality.floatValue() / HUNDRED;
    }

    private static Map<String, String> attributes(final FlowFile flowFile, final ModelCard card, final RgbImage image,
            final ImageFormat format) {
        final Map<String, String> attributes = BundleContent.attributes(flowFile, card);
        attributes.put(CoreAttributes.MIME_TYPE.key(), format.mimeType());
        attributes.put(CoreAttributes.FILENAME.key(), StageAttributes.withExtension(
                flowFile.getAttribute(CoreAttributes.FILENAME.key()), format.extension()));
        attributes.put(StageAttributes.WIDTH, Integer.toString(image.width()));
        attributes.put(StageAttributes.HEIGHT, Integer.toString(image.height()));
        return attributes;
    }

    private static ImageMetadata metadata(final ProcessContext context, final Bundle bundle, final ModelCard card,
            final RgbImage image) {
        final boolean prompt = context.getProperty(WRITE_PROMPT).asBoolean();
        final boolean parameters = context.getProperty(WRITE_GENERATION_PARAMETERS).asBoolean();
        final boolean sourceType = context.getProperty(WRITE_DIGITAL_SOURCE_TYPE).asBoolean();
        final Map<String, String> told = bundle.metadata();
        return new ImageMetadata(
                prompt ? told.get(BundleContent.PROMPT) : null,
                prompt ? told.get(BundleContent.NEGATIVE_PROMPT) : null,
                parameters ? number(told.get(BundleContent.SEED), Long::valueOf) : null,
                parameters ? number(told.get(BundleContent.STEPS), Integer::valueOf) : null,
                parameters ? number(told.get(BundleContent.TRUE_CFG_SCALE), Double::valueOf) : null,
                parameters ? card.displayName() : null,
                parameters ? image.width() : null,
                parameters ? image.height() : null,
                sourceType ? ImageMetadata.TRAINED_ALGORITHMIC_MEDIA : null,
                parameters ? SOFTWARE : null);
    }

    /** A number of a bundle's metadata; what another program wrote there and is none is left out of the picture. */
    private static <T extends Number> T number(final String text, final Function<String, T> parser) {
        try {
            return text == null ? null : parser.apply(text);
        } catch (final NumberFormatException e) {
            return null;
        }
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
