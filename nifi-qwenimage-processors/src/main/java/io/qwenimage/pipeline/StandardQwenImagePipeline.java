package io.qwenimage.pipeline;

import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.image.ImageSize;
import io.qwenimage.image.RgbImage;
import io.qwenimage.image.VaePicture;
import io.qwenimage.model.qwenimage.PatchGrid;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;

/**
 * Text to image, and editing, with the networks of a model folder; those of a stage are loaded when it is first asked
 * for.
 */
public final class StandardQwenImagePipeline implements QwenImagePipeline {
    /** Longest side in pixels; far beyond what any published model was trained for. */
    public static final int MAXIMUM_SIZE = 8192;
    /** Largest number of steps; the schedule has no more distinct timesteps. */
    public static final int MAXIMUM_STEPS = 1000;

    /** Largest guidance scale. */
    public static final double MAXIMUM_SCALE = 100;

    private static final String PROMPT_EMBEDS = "prompt_embeds";
    private static final String NEGATIVE_PROMPT_EMBEDS = "negative_prompt_embeds";
    private static final String LATENTS = "latents";
    /** What a bundle that is encoded anew must not keep: tensors and words of the prompt before. */
    private static final Set<String> OF_EARLIER_PROMPTS = Set.of(PROMPT_EMBEDS, NEGATIVE_PROMPT_EMBEDS, LATENTS,
            "prompt", "negative_prompt");

    private final ModelCard card;
    private final PipelineKind kind;
    private final OnDemand<ImageEncoding> imageEncoding;
    private final OnDemand<StartEncoding> startEncoding;
    private final OnDemand<TextEncoding> textEncoding;
    private final OnDemand<Denoising> denoising;
    private final OnDemand<Decoding> decoding;

    private StandardQwenImagePipeline(final ModelFolder folder, final ComponentStore store,
            final PicturePositions positions) {
        card = folder.card();
        kind = folder.kind();
        imageEncoding = new OnDemand<>(cancellation -> new ImageEncoding(folder, store, cancellation));
        startEncoding = new OnDemand<>(cancellation -> new StartEncoding(folder, store, cancellation));
        textEncoding = new OnDemand<>(cancellation -> new TextEncoding(folder, store, positions, cancellation));
        denoising = new OnDemand<>(cancellation -> new Denoising(folder, store, cancellation));
        decoding = new OnDemand<>(cancellation -> new Decoding(folder, store, cancellation));
    }

    /**
     * Opens a model folder; reads its configuration, no weights.
     *
     * @param folder  in the layout of {@code Qwen/Qwen-Image} or {@code Qwen/Qwen-Image-Edit}
     * @param backend outlives the pipeline; not closed by it
     * @throws io.qwenimage.weights.WeightException if the folder is incomplete or of another kind
     */
    public static StandardQwenImagePipeline open(final Path folder, final Backend backend) {
        return open(folder, new ComponentStore(backend));
    }

    /**
     * Opens a model folder whose networks others may use at the same time.
     *
     * @param store outlives the pipeline
     * @throws io.qwenimage.weights.WeightException if the folder is incomplete or of another kind
     */
    public static StandardQwenImagePipeline open(final Path folder, final ComponentStore store) {
        final ModelFolder opened = ModelFolder.open(folder);
        return new StandardQwenImagePipeline(opened, store, opened.picturePositions());
    }

    /** As {@link #open(Path, Backend)}, whatever the folder says of the positions of pictures. */
    static StandardQwenImagePipeline open(final Path folder, final Backend backend, final PicturePositions positions) {
        return new StandardQwenImagePipeline(ModelFolder.open(folder), new ComponentStore(backend), positions);
    }

    @Override
    public ModelCard card() {
        return card;
    }

    @Override
    public Bundle encodeImage(final ImageRequest request, final Cancellation cancellation) {
        if (request.start() != null) {
            return encodeStart(request, cancellation);
        }
        if (!kind.edits()) {
            throw new DataException(card.displayName() + " makes pictures from text alone but the number of pictures "
                    + "is " + request.images().size() + "; use a model that edits, such as Qwen-Image-Edit, or give "
                    + "no pictures");
        }
        EditPictures.checkCount(request.images().size(), kind.maximumPictures());
        final List<ImageSize> sizes = request.images().stream().map(ImageSize::of).toList();
        final ImageSize output = kind.outputSize(sizes);
        return imageEncoding.get(cancellation).encode(request.images(), cancellation).toBundle(card.id(), sizes, output);
    }

    @Override
    public Bundle encodeText(final Bundle bundle, final TextRequest request, final Cancellation cancellation) {
        Prompts.check(request);
        checkModel(bundle);
        if (!kind.edits()) {
            return bundle.without(OF_EARLIER_PROMPTS).with(encodeText(request, cancellation).tensors(), Map.of());
        }
        final EditPictures pictures = EditPictures.of(bundle, kind.maximumPictures());
        final TextEncoding stage = textEncoding.get(cancellation);
        return bundle.without(OF_EARLIER_PROMPTS)
                .with(embeddings(request, prompt -> stage.encode(prompt, pictures, cancellation)), Map.of());
    }

    @Override
    public Bundle encodeText(final TextRequest request, final Cancellation cancellation) {
        Prompts.check(request);
        if (kind.edits()) {
            throw new DataException(card.displayName() + " edits pictures but the number of pictures is 0; give 1 to "
                    + kind.maximumPictures() + ", through EncodeImage before the prompt");
        }
        final TextEncoding stage = textEncoding.get(cancellation);
        return new Bundle(embeddings(request,
                prompt -> stage.encode(prompt, request.maxSequenceLength(), cancellation)),
                Map.of(Bundle.FORMAT_KEY, Bundle.FORMAT, Bundle.MODEL_KEY, card.id()));
    }

    @Override
    public Bundle denoise(final Bundle bundle, final DenoiseRequest asked, final StepListener listener,
            final Cancellation cancellation) {
        checkModel(bundle);
        final List<HostTensor> references = kind.edits()
                ? EditPictures.of(bundle, kind.maximumPictures()).latents() : List.of();
        final StartPicture start = !kind.edits() && StartPicture.isIn(bundle) ? StartPicture.of(bundle) : null;
        final DenoiseRequest request = sized(asked, bundle, start);
        check(request);
        final HostTensor prompt = bundle.tensor(PROMPT_EMBEDS);
        final boolean guided = request.trueCfgScale() > 1 && bundle.has(NEGATIVE_PROMPT_EMBEDS);
        final HostTensor negative = guided ? bundle.tensor(NEGATIVE_PROMPT_EMBEDS) : null;
        final PatchGrid grid = new PatchGrid(request.height() / card.sizeMultiple(),
                request.width() / card.sizeMultiple());
        if (start != null) {
            checkStart(start, grid, request);
        }
        final HostTensor latents = denoising.get(cancellation).denoise(prompt, negative, references, start, grid, request,
                listener, cancellation);
        return bundle.with(Map.of(LATENTS, latents), Map.of(
                "width", Integer.toString(grid.columns() * card.sizeMultiple()),
                "height", Integer.toString(grid.rows() * card.sizeMultiple()),
                "num_inference_steps", Integer.toString(request.steps()),
                "true_cfg_scale", Double.toString(request.trueCfgScale()),
                "seed", Long.toString(request.seed())));
    }

    @Override
    public RgbImage decode(final Bundle bundle, final Cancellation cancellation) {
        checkModel(bundle);
        return decoding.get(cancellation).decode(bundle.tensor(LATENTS), cancellation);
    }

    @Override
    public String residency() {
        return denoising.made().map(Denoising::residency).orElse("");
    }

    @Override
    public void close() {
        imageEncoding.close();
        startEncoding.close();
        textEncoding.close();
        denoising.close();
        decoding.close();
    }

    private static Map<String, HostTensor> embeddings(final TextRequest request,
            final Function<String, HostTensor> encoder) {
        final Map<String, HostTensor> tensors = new LinkedHashMap<>();
        tensors.put(PROMPT_EMBEDS, encoder.apply(request.prompt()));
        if (request.negativePrompt() != null) {
            tensors.put(NEGATIVE_PROMPT_EMBEDS, encoder.apply(request.negativePrompt()));
        }
        return tensors;
    }

    private void checkModel(final Bundle bundle) {
        final String model = bundle.metadata().get(Bundle.MODEL_KEY);
        if (!card.id().equals(model)) {
            throw new DataException("the bundle was made by model " + model + " but this stage runs " + card.id()
                    + " (" + card.displayName() + "); use the same model for all stages");
        }
    }

    private Bundle encodeStart(final ImageRequest request, final Cancellation cancellation) {
        if (kind.edits() || request.images().size() != 1) {
            throw new DataException("the number of pictures to begin with is " + request.images().size() + " and the "
                    + "model is " + card.displayName() + "; image-to-image takes one picture and a model that makes "
                    + "pictures from text");
        }
        final int width = request.start().width() == DenoiseRequest.AUTOMATIC ? card.defaultWidth()
                : request.start().width();
        final int height = request.start().height() == DenoiseRequest.AUTOMATIC ? card.defaultHeight()
                : request.start().height();
        checkSize("width", width);
        checkSize("height", height);
        final RgbImage image = request.images().getFirst();
        return startEncoding.get(cancellation).encode(image, request.start().mask(),
                VaePicture.multipleOf(new ImageSize(width, height), card.sizeMultiple()), cancellation)
                .toBundle(card.id(), ImageSize.of(image));
    }

    /** The size of image-to-image is that of the encoded picture. */
    private void checkStart(final StartPicture start, final PatchGrid grid, final DenoiseRequest request) {
        final Shape shape = start.mean().shape();
        if (shape.extent(1) != 2L * grid.rows() || shape.extent(2) != 2L * grid.columns()) {
            throw new DataException("the picture to be made has " + request.width() + " x " + request.height()
                    + " pixels but the bundle's picture was encoded as latents " + shape
                    + "; encode it at that size or ask for no other");
        }
        if (!(request.strength() >= 0 && request.strength() <= 1)) {
            throw new DataException("the strength is " + request.strength() + "; it must lie between 0 and 1");
        }
    }

    private DenoiseRequest sizedAs(final StartPicture start, final DenoiseRequest asked) {
        final int unit = card.sizeMultiple() / 2;
        return new DenoiseRequest(
                asked.width() == DenoiseRequest.AUTOMATIC ? start.mean().shape().intExtent(2) * unit : asked.width(),
                asked.height() == DenoiseRequest.AUTOMATIC ? start.mean().shape().intExtent(1) * unit
                        : asked.height(), asked.steps(), asked.trueCfgScale(), asked.seed(), asked.strength());
    }

    private DenoiseRequest sized(final DenoiseRequest asked, final Bundle bundle, final StartPicture start) {
        if (kind.edits()) {
            return EditPictures.sized(asked, bundle);
        }
        if (start != null) {
            return sizedAs(start, asked);
        }
        return new DenoiseRequest(asked.width() == DenoiseRequest.AUTOMATIC ? card.defaultWidth() : asked.width(),
                asked.height() == DenoiseRequest.AUTOMATIC ? card.defaultHeight() : asked.height(), asked.steps(),
                asked.trueCfgScale(), asked.seed(), asked.strength());
    }

    private void check(final DenoiseRequest request) {
        checkSize("width", request.width());
        checkSize("height", request.height());
        if (request.steps() < 1 || request.steps() > MAXIMUM_STEPS) {
            throw new DataException("the number of inference steps is " + request.steps() + "; it must lie between 1 "
                    + "and " + MAXIMUM_STEPS);
        }
        if (!Double.isFinite(request.trueCfgScale()) || request.trueCfgScale() < 0
                || request.trueCfgScale() > MAXIMUM_SCALE) {
            throw new DataException("the true CFG scale is " + request.trueCfgScale() + "; it must lie between 0 and "
                    + MAXIMUM_SCALE + ", where 1 or less means no guidance");
        }
    }

    private void checkSize(final String name, final int pixels) {
        if (pixels < card.sizeMultiple() || pixels > MAXIMUM_SIZE) {
            throw new DataException("the " + name + " is " + pixels + " pixels; it must lie between "
                    + card.sizeMultiple() + " and " + MAXIMUM_SIZE);
        }
    }
}
