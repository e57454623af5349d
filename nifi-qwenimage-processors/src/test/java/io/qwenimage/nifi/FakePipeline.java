package io.qwenimage.nifi;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.image.RgbImage;
import io.qwenimage.pipeline.Bundle;
import io.qwenimage.pipeline.DataException;
import io.qwenimage.pipeline.DenoiseRequest;
import io.qwenimage.pipeline.ImageRequest;
import io.qwenimage.pipeline.ModelCard;
import io.qwenimage.pipeline.QwenImagePipeline;
import io.qwenimage.pipeline.StepListener;
import io.qwenimage.pipeline.TextRequest;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;

/** A pipeline without a model, whose every number follows from its input by rules that a test can repeat. */
public final class FakePipeline implements QwenImagePipeline {
    public static final ModelCard CARD = new ModelCard("fake-1", "Fake Model", true, 16, 64, 48, 3, 4.0, "ugly");
    public static final ModelCard EDIT_CARD = new ModelCard("fake-1", "Fake Editor", true, 16, 64, 48, 3, 4.0, "ugly", 2);
    private static final int WIDTH = 4;
    private static final int CHANNELS = 16;
    private static final int COMPRESSION = 8;

    private final ModelCard card;
    private final AtomicInteger closes = new AtomicInteger();
    private final List<DenoiseRequest> requests = new ArrayList<>();
    private final List<ImageRequest> images = new ArrayList<>();
    private final List<TextRequest> texts = new ArrayList<>();
    private Runnable beforeStage = () -> { };
    private IntConsumer afterStep = step -> { };

    public FakePipeline() {
        this(CARD);
    }

    public FakePipeline(final ModelCard card) {
        this.card = card;
    }

    /** Something to do when a stage begins, such as to throw. */
    public void beforeStage(final Runnable action) {
        beforeStage = action;
    }

    /** Something to do after a denoising step, before the listener hears of it. */
    public void afterStep(final IntConsumer action) {
        afterStep = action;
    }

    public List<DenoiseRequest> requests() {
        return requests;
    }

    public List<ImageRequest> images() {
        return images;
    }

    public List<TextRequest> texts() {
        return texts;
    }

    public int closes() {
        return closes.get();
    }

    @Override
    public ModelCard card() {
        return card;
    }

    /** Latents of one value, the picture's first sample; one token of meaning for each picture. */
    @Override
    public Bundle encodeImage(final ImageRequest request, final Cancellation cancellation) {
        beforeStage.run();
        cancellation.check();
        final int count = request.images().size();
        if (count == 0 || count > (request.start() == null ? card.maximumPictures() : 1)) {
            throw new DataException(count + " pictures are given; " + card.displayName() + " takes "
                    + card.maximumPictures());
        }
        images.add(request);
        final Map<String, HostTensor> tensors = new LinkedHashMap<>();
        final Map<String, String> metadata = new LinkedHashMap<>(Map.of(Bundle.FORMAT_KEY, Bundle.FORMAT,
                Bundle.MODEL_KEY, card.id(), "pictures", Integer.toString(count)));
        final long[] grids = new long[3 * count];
        Arrays.fill(grids, 1);
        for (int k = 0; k < count; k++) {
            final RgbImage image = request.images().get(k);
            final Shape shape = Shape.of(CHANNELS, image.height() / COMPRESSION, image.width() / COMPRESSION);
            final float[] values = new float[Math.toIntExact(shape.elements())];
            Arrays.fill(values, image.rgb()[0] & 0xff);
            tensors.put("image_latents." + k, HostTensor.ofFloats(shape, values));
            tensors.put("vision_embeds." + k, embeddings("p"));
            metadata.put("picture." + k, image.width() + "x" + image.height());
            metadata.put("output_width", Integer.toString(image.width()));
            metadata.put("output_height", Integer.toString(image.height()));
        }
        tensors.put("image_grid_thw", HostTensor.ofLongs(Shape.of(count, 3), grids));
        return new Bundle(tensors, metadata);
    }

    @Override
    public Bundle encodeText(final Bundle pictures, final TextRequest request, final Cancellation cancellation) {
        checkModel(pictures);
        return pictures.with(encodeText(request, cancellation).tensors(), Map.of());
    }

    @Override
    public Bundle encodeText(final TextRequest request, final Cancellation cancellation) {
        beforeStage.run();
        cancellation.check();
        texts.add(request);
        final Bundle bundle = new Bundle(Map.of("prompt_embeds", embeddings(request.prompt())),
                Map.of(Bundle.FORMAT_KEY, Bundle.FORMAT, Bundle.MODEL_KEY, card.id()));
        return request.negativePrompt() == null ? bundle
                : bundle.with(Map.of("negative_prompt_embeds", embeddings(request.negativePrompt())), Map.of());
    }

    @Override
    public Bundle denoise(final Bundle bundle, final DenoiseRequest request, final StepListener listener,
            final Cancellation cancellation) {
        beforeStage.run();
        checkModel(bundle);
        bundle.tensor("prompt_embeds");
        requests.add(request);
        final int width = extent(request.width(), bundle, "output_width", card.defaultWidth());
        final int height = extent(request.height(), bundle, "output_height", card.defaultHeight());
        if (width == 0 || height == 0) {
            throw new DataException("a picture of " + request.width() + " x " + request.height() + " is too small");
        }
        final Shape shape = Shape.of(CHANNELS, height / COMPRESSION, width / COMPRESSION);
        final float[] values = new float[Math.toIntExact(shape.elements())];
        Arrays.fill(values, request.seed());
        for (int step = 0; step < request.steps(); step++) {
            cancellation.check();
            afterStep.accept(step);
            listener.onStep(step, request.steps(), HostTensor.ofFloats(shape, values));
        }
        return bundle.with(Map.of("latents", HostTensor.ofFloats(shape, values)), Map.of(
                "width", Integer.toString(width),
                "height", Integer.toString(height),
                "num_inference_steps", Integer.toString(request.steps()),
                "true_cfg_scale", Double.toString(request.trueCfgScale()),
                "seed", Long.toString(request.seed())));
    }

    @Override
    public RgbImage decode(final Bundle bundle, final Cancellation cancellation) {
        beforeStage.run();
        checkModel(bundle);
        cancellation.check();
        final HostTensor latents = bundle.tensor("latents");
        final int height = latents.shape().intExtent(1) * COMPRESSION;
        final int width = latents.shape().intExtent(2) * COMPRESSION;
        final byte[] rgb = new byte[height * width * 3];
        Arrays.fill(rgb, (byte) latents.toFloats()[0]);
        return new RgbImage(width, height, rgb);
    }

    @Override
    public void close() {
        closes.incrementAndGet();
    }

    private int extent(final int requested, final Bundle bundle, final String automatic, final int recommended) {
        final int extent = requested != DenoiseRequest.AUTOMATIC ? requested
                : Integer.parseInt(bundle.metadata().getOrDefault(automatic, Integer.toString(recommended)));
        return extent / card.sizeMultiple() * card.sizeMultiple();
    }

    private void checkModel(final Bundle bundle) {
        final String model = bundle.metadata().get(Bundle.MODEL_KEY);
        if (!card.id().equals(model)) {
            throw new DataException("the bundle was made by model " + model + " but this stage runs " + card.id());
        }
    }

    /** One row for each character. */
    private static HostTensor embeddings(final String text) {
        final float[] values = new float[text.length() * WIDTH];
        for (int i = 0; i < values.length; i++) {
            values[i] = text.charAt(i / WIDTH) + i % WIDTH;
        }
        return HostTensor.ofFloats(Shape.of(text.length(), WIDTH), values);
    }
}
