package io.qwenimage.pipeline;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.generation.GenerationConfig;
import io.qwenimage.generation.SamplingSettings;
import io.qwenimage.generation.TextStream;
import io.qwenimage.generation.TokenChooser;
import io.qwenimage.image.ImageSize;
import io.qwenimage.image.PatchLayout;
import io.qwenimage.image.PixelValues;
import io.qwenimage.image.RgbImage;
import io.qwenimage.model.ConfigFile;
import io.qwenimage.model.vision.VisionGrid;
import io.qwenimage.model.vision.VisionTower;
import io.qwenimage.model.vl.PromptLayout;
import io.qwenimage.model.vl.VisionLanguageModel;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/** Questions about pictures to a model folder of the Qwen-VL family. */
public final class StandardVisionLanguagePipeline implements VisionLanguagePipeline {
    private final VisionLanguageFolder folder;
    private final Backend backend;
    private final ConfigFile config;
    private final GenerationConfig generation;
    private final PatchLayout layout;
    private final ChatTemplate template;
    private final OnDemand<Loaded> loaded;

    private StandardVisionLanguagePipeline(final VisionLanguageFolder folder, final ComponentStore store) {
        this.folder = folder;
        backend = store.backend();
        config = folder.config();
        generation = GenerationConfig.read(folder.weights(), config);
        layout = folder.patchLayout();
        template = folder.chatTemplate();
        loaded = new OnDemand<>(cancellation -> Loaded.load(folder, config, store, cancellation));
    }

    /**
     * Opens a model folder, or the folder of a Qwen-Image pipeline, whose text encoder answers; reads its
     * configuration, no weights.
     *
     * @param backend outlives the pipeline; not closed by it
     * @throws io.qwenimage.weights.WeightException if the folder is incomplete or of another kind
     */
    public static StandardVisionLanguagePipeline open(final Path folder, final Backend backend) {
        return open(folder, new ComponentStore(backend));
    }

    /**
     * Opens a model folder whose networks others may use at the same time, such as the text encoder of a Qwen-Image
     * pipeline.
     *
     * @param store outlives the pipeline
     * @throws io.qwenimage.weights.WeightException if the folder is incomplete or of another kind
     */
    public static StandardVisionLanguagePipeline open(final Path folder, final ComponentStore store) {
        return new StandardVisionLanguagePipeline(VisionLanguageFolder.open(folder), store);
    }

    @Override
    public VisionLanguageCard card() {
        return folder.card(config);
    }

    @Override
    public ImageSize resizedSize(final ImageSize original) {
        return layout.resizedSize(original);
    }

    @Override
    public SamplingSettings recommendedSampling() {
        return generation.sampling();
    }

    @Override
    public ChatAnswer chat(final ChatRequest request, final ChatObserver observer, final Cancellation cancellation) {
        check(request);
        final Loaded engine = loaded.get(cancellation);
        final List<PixelValues> pictures = new ArrayList<>();
        for (final RgbImage image : request.images()) {
            cancellation.check();
            pictures.add(layout.patches(image));
        }
        final List<VisionGrid> grids = pictures.stream().map(picture ->
                new VisionGrid(picture.gridTime(), picture.gridHeight(), picture.gridWidth())).toList();
        final int[] ids = template.tokens(engine.tokenizer(), engine.model().imageToken(),
                grids.stream().mapToLong(grid -> grid.patches() / engine.model().patches().block()).toArray(),
                request.prompt(), request.markup());
        try (Arena arena = backend.openArena("conversation")) {
            final VisionTower.Features features = pictures.isEmpty() ? null
                    : features(arena, engine.model(), pictures, grids, observer, cancellation);
            final PromptLayout prompt = engine.model().layout(ids, grids);
            final VisionLanguageModel.Conversation conversation =
                    engine.model().converse(arena, ids.length + request.maxNewTokens());
            final HostTensor logits = conversation.begin(ids, features, prompt, cancellation);
            if (observer.wantsTensors()) {
                observer.onTensor("logits", logits);
            }
            return answer(request, engine.tokenizer(), conversation, ids, logits, pictures, observer, cancellation);
        }
    }

    @Override
    public void close() {
        loaded.close();
    }

    private VisionTower.Features features(final Arena arena, final VisionLanguageModel model,
            final List<PixelValues> pictures, final List<VisionGrid> grids, final ChatObserver observer,
            final Cancellation cancellation) {
        final HostTensor pixelValues = joined(pictures);
        final VisionTower.Features features = model.encode(arena, pixelValues, grids, cancellation,
                VisionTower.BlockObserver.NONE);
        if (observer.wantsTensors()) {
            observer.onTensor("pixel_values", pixelValues);
            observer.onTensor("vision_embeds", backend.download(features.embeddings()));
        }
        return features;
    }

    private ChatAnswer answer(final ChatRequest request, final Tokenizer tokenizer,
            final VisionLanguageModel.Conversation conversation, final int[] ids, final HostTensor firstLogits,
            final List<PixelValues> pictures, final ChatObserver observer, final Cancellation cancellation) {
        final SamplingSettings sampling = request.sampling() == null ? generation.sampling().greedy()
                : request.sampling();
        final TokenChooser chooser = new TokenChooser(sampling, ids);
        final TextStream stream = new TextStream(tokenizer::decodeWithoutSpecialTokens, request.stopStrings(),
                observer::onText);
        final IntStream.Builder tokens = IntStream.builder();
        HostTensor logits = firstLogits;
        boolean finished = false;
        for (int i = 0; i < request.maxNewTokens() && !finished; i++) {
            cancellation.check();
            final int token = chooser.choose(logits.toFloats());
            tokens.add(token);
            finished = generation.ends(token) || stream.add(token);
            if (!finished && i + 1 < request.maxNewTokens()) {
                logits = conversation.next(token, cancellation);
            }
        }
        final List<ImageSize> sizes = pictures.stream().map(PixelValues::resized).toList();
        final int[] answered = tokens.build().toArray();
        return new ChatAnswer(stream.end(), marked(tokenizer, answered, request.stopStrings()), ids, answered, finished,
                sizes);
    }

    /** The text with special tokens, up to where the answer ended. */
    private String marked(final Tokenizer tokenizer, final int[] tokens, final List<String> stopStrings) {
        final boolean ended = tokens.length > 0 && generation.ends(tokens[tokens.length - 1]);
        final String all = tokenizer.decode(ended ? Arrays.copyOf(tokens, tokens.length - 1) : tokens);
        final int end = stopStrings.stream().filter(stop -> !stop.isEmpty()).mapToInt(all::indexOf)
                .filter(place -> place >= 0).min().orElse(all.length());
        return all.substring(0, end);
    }

    private static HostTensor joined(final List<PixelValues> pictures) {
        final int patches = pictures.stream().mapToInt(PixelValues::patches).sum();
        final int width = pictures.get(0).values().length / pictures.get(0).patches();
        final float[] all = new float[Math.multiplyExact(patches, width)];
        int filled = 0;
        for (final PixelValues picture : pictures) {
            System.arraycopy(picture.values(), 0, all, filled, picture.values().length);
            filled += picture.values().length;
        }
        return HostTensor.ofFloats(Shape.of(patches, width), all);
    }

    private static void check(final ChatRequest request) {
        if (request.prompt() == null || request.prompt().isBlank()) {
            throw new DataException("the question is empty; say what you want to know");
        }
        if (request.prompt().length() > PromptTemplate.MAXIMUM_CHARACTERS) {
            throw new DataException("the question has " + request.prompt().length() + " characters; at most "
                    + PromptTemplate.MAXIMUM_CHARACTERS + " are read. Shorten it");
        }
        if (request.maxNewTokens() < 1 || request.maxNewTokens() > ChatRequest.MAXIMUM_NEW_TOKENS) {
            throw new DataException("the longest answer is " + request.maxNewTokens() + " tokens; it must lie between "
                    + "1 and " + ChatRequest.MAXIMUM_NEW_TOKENS);
        }
    }

    /** What is in memory while the model is. */
    private record Loaded(Tokenizer tokenizer, VisionLanguageLoader.Holding holding) implements Stage {
        static Loaded load(final VisionLanguageFolder folder, final ConfigFile config, final ComponentStore store,
                final Cancellation cancellation) {
            final Tokenizer tokenizer = Tokenizer.open(folder.tokenizer());
            try {
                return new Loaded(tokenizer,
                        VisionLanguageLoader.load(store, folder.weights(), config, cancellation));
            } catch (RuntimeException | Error e) {
                tokenizer.close();
                throw e;
            }
        }

        VisionLanguageModel model() {
            return holding.model();
        }

        @Override
        public void close() {
            holding.close();
            tokenizer.close();
        }
    }
}
