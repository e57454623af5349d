package io.qwenimage.nifi.processors;

import io.qwenimage.nifi.services.ModelLease;
import io.qwenimage.nifi.services.TinyForward;
import io.qwenimage.pipeline.Bundle;
import io.qwenimage.pipeline.DataException;
import io.qwenimage.pipeline.DenoiseRequest;
import io.qwenimage.pipeline.ModelCard;
import io.qwenimage.pipeline.QwenImagePipeline;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
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
import org.apache.nifi.flowfile.attributes.CoreAttributes;
import org.apache.nifi.processor.ProcessContext;
import org.apache.nifi.processor.ProcessSession;
import org.apache.nifi.processor.Relationship;
import org.apache.nifi.util.StopWatch;

@Tags({"qwen", "image", "diffusion", "text to image", "denoise", "latents"})
@CapabilityDescription("Makes the latents of one or several pictures out of seeded noise, guided by what EncodeText "
        + "encoded.")
@InputRequirement(InputRequirement.Requirement.INPUT_REQUIRED)
@ReadsAttribute(attribute = "filename", description = "The base of the new name")
@WritesAttributes({
    @WritesAttribute(attribute = "mime.type", description = "application/x-safetensors"),
    @WritesAttribute(attribute = "filename", description = "The FlowFile's name with the extension safetensors; with "
            + "several pictures per prompt, with the seed before it"),
    @WritesAttribute(attribute = "qwenimage.model", description = "Identifier of the model"),
    @WritesAttribute(attribute = "qwenimage.model.trained", description = "false if the model's weights are random"),
    @WritesAttribute(attribute = "qwenimage.width", description = "Width that the picture will have, in pixels"),
    @WritesAttribute(attribute = "qwenimage.height", description = "Height that the picture will have, in pixels"),
    @WritesAttribute(attribute = "qwenimage.requested.width", description = "Width asked for, if the size was rounded "
            + "down"),
    @WritesAttribute(attribute = "qwenimage.requested.height", description = "Height asked for, if the size was "
            + "rounded down"),
    @WritesAttribute(attribute = "qwenimage.steps", description = "Number of denoising steps"),
    @WritesAttribute(attribute = "qwenimage.true.cfg.scale", description = "Guidance scale"),
    @WritesAttribute(attribute = "qwenimage.seed", description = "Seed of the noise; on the original, of its first "
            + "picture"),
    @WritesAttribute(attribute = "fragment.identifier", description = "The same for all pictures of a FlowFile, and on "
            + "the original"),
    @WritesAttribute(attribute = "fragment.index", description = "Number of the picture, from 0"),
    @WritesAttribute(attribute = "fragment.count", description = "How many pictures were made of the FlowFile"),
    @WritesAttribute(attribute = "segment.original.filename", description = "Name of the FlowFile that came in"),
    @WritesAttribute(attribute = "qwenimage.error", description = "On failure: what is wrong and what would help")
})
@SystemResourceConsideration(resource = SystemResource.CPU)
@SystemResourceConsideration(resource = SystemResource.MEMORY, description = "The transformer's weights stay in native "
        + "memory while the model service keeps them")
@SeeAlso({EncodeText.class, DecodeVAE.class})
public class Denoise extends AbstractStageProcessor {
    static final PropertyDescriptor WIDTH = perFlowFile("Width", DenoiseSettings.SIZES,
            "Width of the pictures in pixels, rounded down to what the model can make. Empty: what the model "
                    + "recommends, or what follows from the pictures of an edit.");
    static final PropertyDescriptor HEIGHT = perFlowFile("Height", DenoiseSettings.SIZES,
            "Height of the pictures in pixels, rounded down to what the model can make. Empty: what the model "
                    + "recommends, or what follows from the pictures of an edit.");
    static final PropertyDescriptor STEPS = perFlowFile("Steps", DenoiseSettings.STEPS,
            "Number of denoising steps. Empty: what the model recommends.");
    static final PropertyDescriptor TRUE_CFG_SCALE = perFlowFile("True CFG Scale", DenoiseSettings.SCALES,
            "How strongly the prompt is preferred to the negative prompt; 1 for not at all, which halves the time. "
                    + "Empty: what the model recommends.");
    static final PropertyDescriptor SEED = perFlowFile("Seed", DenoiseSettings.SEEDS,
            "Seed of the noise, a whole number: the same seed gives the same picture. Empty: drawn, and recorded in "
                    + "qwenimage.seed.");
    static final PropertyDescriptor STRENGTH = perFlowFile("Strength", DenoiseSettings.STRENGTHS,
            "How far image-to-image and inpainting go from their picture: 0 leaves it, 1 forgets it. Nothing else looks "
                    + "at it. Empty: " + DenoiseRequest.DEFAULT_STRENGTH + ".");
    static final PropertyDescriptor PICTURES_PER_PROMPT = perFlowFile("Pictures per Prompt", DenoiseSettings.PICTURES,
            "How many pictures to make, with the seeds seed, seed + 1, ... Empty: one.");

    static final String STEPS_COUNTER = "Denoising Steps";

    static final Relationship SUCCESS = new Relationship.Builder()
            .name("success")
            .description("One new FlowFile per picture, whose content is a bundle with its latents")
            .build();

    static final Relationship ORIGINAL = new Relationship.Builder()
            .name("original")
            .description("The FlowFile that came in, when all its pictures are made")
            .build();

    private static final String LATENTS = "latents";

    private static final List<PropertyDescriptor> PROPERTIES =
            List.of(MODEL_SERVICE, WIDTH, HEIGHT, STEPS, TRUE_CFG_SCALE, SEED, STRENGTH, PICTURES_PER_PROMPT);
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
        final DenoiseSettings settings = DenoiseSettings.read(StageAttributes.Values.of(context, flowFile));
        final Bundle bundle = BundleContent.read(session, flowFile);
        final String identifier = UUID.randomUUID().toString();
        final List<Picture> pictures = new ArrayList<>();
        try {
            for (int index = 0; index < settings.pictures(); index++) {
                final Map<String, String> fragment = fragment(flowFile, identifier, index, settings.pictures());
                pictures.add(picture(context, session, flowFile, bundle, settings, fragment));
            }
        } catch (final DataException e) {
            pictures.forEach(picture -> session.remove(picture.flowFile()));
            throw e;
        }
        FlowFile original = session.putAllAttributes(flowFile, Map.of(
                StageAttributes.FRAGMENT_IDENTIFIER, identifier,
                StageAttributes.FRAGMENT_COUNT, Integer.toString(settings.pictures()),
                StageAttributes.SEED, Long.toString(settings.seed())));
        original = session.removeAttribute(original, StageAttributes.ERROR);
        pictures.forEach(picture -> {
            session.getProvenanceReporter().modifyContent(picture.flowFile(), picture.details(), picture.millis());
            session.transfer(picture.flowFile(), SUCCESS);
        });
        session.transfer(original, ORIGINAL);
    }

    @Override
    String describeProperties(final StageAttributes.Values values) {
        final DenoiseSettings settings = DenoiseSettings.read(values);
        final boolean drawn = DenoiseSettings.SEEDS.read("Seed", values.of(SEED)) == null;
        return "pictures for each prompt: " + settings.pictures()
                + "; width: " + orRecommended(settings.width())
                + "; height: " + orRecommended(settings.height())
                + "; steps: " + orRecommended(settings.steps())
                + "; true CFG scale: " + orRecommended(settings.trueCfgScale())
                + "; first seed: " + (drawn ? "drawn" : Long.toString(settings.seed()));
    }

    @Override
    String tryOut(final TinyForward forward) {
        return "two steps made latents " + forward.denoise().tensor(LATENTS);
    }

    /** Makes one picture; the device is asked for anew for each, so that other processors have their turn between. */
    private Picture picture(final ProcessContext context, final ProcessSession session, final FlowFile flowFile,
            final Bundle bundle, final DenoiseSettings settings, final Map<String, String> fragment) {
        final StopWatch stopWatch = new StopWatch(true);
        final ModelCard card;
        final DenoiseRequest request;
        final Bundle denoised;
        try (ModelLease<QwenImagePipeline> lease = acquire(context, untilStopped())) {
            card = lease.pipeline().card();
            request = settings.request(card, Integer.parseInt(fragment.get(StageAttributes.FRAGMENT_INDEX)));
            denoised = lease.pipeline().denoise(bundle, request, (step, steps, latents) -> {
                session.adjustCounter(STEPS_COUNTER, 1, true);
                getLogger().debug("{}: seed {}, step {} of {} done", flowFile, request.seed(), step + 1, steps);
            }, untilStopped());
        }
        final Map<String, String> attributes = BundleContent.attributes(flowFile, card);
        attributes.putAll(fragment);
        attributes.put(StageAttributes.STEPS, Integer.toString(request.steps()));
        attributes.put(StageAttributes.TRUE_CFG_SCALE, Double.toString(request.trueCfgScale()));
        attributes.put(StageAttributes.SEED, Long.toString(request.seed()));
        final String size = putSize(attributes, denoised, request);
        if (!"1".equals(fragment.get(StageAttributes.FRAGMENT_COUNT))) {
            attributes.compute(CoreAttributes.FILENAME.key(), (key, name) -> StageAttributes.withExtension(
                    StageAttributes.withoutExtension(name) + "-" + request.seed(), BundleContent.EXTENSION));
        }

        FlowFile picture = BundleContent.write(session, session.create(flowFile), denoised);
        picture = session.putAllAttributes(picture, attributes);
        picture = session.removeAttribute(picture, StageAttributes.ERROR);
        return new Picture(picture, "seed " + request.seed() + ", " + request.steps() + " steps, true CFG scale "
                + request.trueCfgScale() + ", " + size + ", " + card.displayName(),
                stopWatch.getElapsed(TimeUnit.MILLISECONDS));
    }

    /** Notes the size that the picture has, and the one asked for where the model makes no such size. */
    private String putSize(final Map<String, String> attributes, final Bundle denoised, final DenoiseRequest request) {
        final String width = denoised.metadata().get(BundleContent.WIDTH);
        final String height = denoised.metadata().get(BundleContent.HEIGHT);
        attributes.put(StageAttributes.WIDTH, width);
        attributes.put(StageAttributes.HEIGHT, height);
        final String size = width + " x " + height + " pixels";
        if (isMet(request.width(), width) && isMet(request.height(), height)) {
            return size;
        }
        final String requestedWidth = request.width() == DenoiseRequest.AUTOMATIC ? width
                : Integer.toString(request.width());
        final String requestedHeight = request.height() == DenoiseRequest.AUTOMATIC ? height
                : Integer.toString(request.height());
        attributes.put(StageAttributes.REQUESTED_WIDTH, requestedWidth);
        attributes.put(StageAttributes.REQUESTED_HEIGHT, requestedHeight);
        final String rounded = size + " (rounded down from " + requestedWidth + " x " + requestedHeight + ")";
        getLogger().info("A picture has {}", rounded);
        return rounded;
    }

    private static boolean isMet(final int requested, final String made) {
        return requested == DenoiseRequest.AUTOMATIC || made.equals(Integer.toString(requested));
    }

    private static String orRecommended(final Number value) {
        return value == null ? "what the model recommends" : value.toString();
    }

    private static Map<String, String> fragment(final FlowFile flowFile, final String identifier, final int index,
            final int count) {
        return Map.of(
                StageAttributes.FRAGMENT_IDENTIFIER, identifier,
                StageAttributes.FRAGMENT_INDEX, Integer.toString(index),
                StageAttributes.FRAGMENT_COUNT, Integer.toString(count),
                StageAttributes.SEGMENT_ORIGINAL_FILENAME, flowFile.getAttribute(CoreAttributes.FILENAME.key()));
    }

    /** A picture's FlowFile, and what provenance is to tell of it once all pictures are made. */
    private record Picture(FlowFile flowFile, String details, long millis) {
    }

    private static PropertyDescriptor perFlowFile(final String name, final NumberRange range,
            final String description) {
        return new PropertyDescriptor.Builder()
                .name(name)
                .description(description)
                .expressionLanguageSupported(ExpressionLanguageScope.FLOWFILE_ATTRIBUTES)
                .addValidator(range)
                .build();
    }
}
