package io.qwenimage.cli;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.backend.OperationCounter;
import io.qwenimage.backend.cpu.CpuBackend;
import io.qwenimage.model.ConfigFile;
import io.qwenimage.model.language.LanguageModel;
import io.qwenimage.model.language.Positions;
import io.qwenimage.model.qwen25vl.Qwen25VlLanguage;
import io.qwenimage.model.qwenimage.PatchGrid;
import io.qwenimage.model.qwenimage.QwenImageConfig;
import io.qwenimage.model.qwenimage.QwenImageTransformer2DModel;
import io.qwenimage.model.qwenimagevae.LayerObserver;
import io.qwenimage.model.qwenimagevae.QwenImageDecoder;
import io.qwenimage.model.qwenimagevae.QwenImageVaeConfig;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Tensor;
import io.qwenimage.weights.Checkpoints;
import io.qwenimage.weights.SafetensorsFile;
import io.qwenimage.weights.WeightScope;
import io.qwenimage.weights.WeightSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.BiFunction;

/**
 * Times the networks at their published width, after comparing each with stored results of the reference. The peer
 * {@code bench_torch.py} does the same work in PyTorch.
 */
public final class Bench {
    /** The names of what is measured; {@code bench_torch.py} says what each is. */
    public static final List<String> JOBS = List.of("mmdit_block", "vae_decode", "text_encode", "preprocess",
            "vision_encode", "prefill", "decode", "decode_f32");

    private static final double NANO = 1e9;
    private static final double TOLERANCE = 1e-3;

    private Bench() {
    }

    /**
     * Runs the jobs one after the other.
     *
     * @throws IllegalStateException if a result deviates from the reference: wrong work is not timed
     */
    public static List<BenchResult> run(final BenchOptions options) {
        final List<BenchResult> results = new ArrayList<>();
        for (final String job : options.jobs()) {
            try (CpuBackend backend = CpuBackend.open(options.device());
                    WeightSource reference = SafetensorsFile.open(options.folder().resolve("bench")
                            .resolve(reference(job) + ".safetensors"))) {
                results.add(new Run(options, job, backend, reference).measure());
            }
        }
        return results;
    }

    /** The job of the reference that a job is compared with: one that differs in the type of the weights is the same. */
    static String reference(final String job) {
        return job.equals("decode_f32") ? "decode" : job;
    }

    /** Work on prepared weights: makes the results that the reference has under their names. */
    @FunctionalInterface
    interface Work {
        void run(Arena arena, Outputs outputs);
    }

    /** Hears results by their names in the reference. */
    @FunctionalInterface
    interface Outputs {
        void accept(String name, HostTensor value);
    }

    /** Builds work from weights that an arena is to own. */
    private interface Builder extends BiFunction<WeightSource, Arena, Work> {
    }

    private record Run(BenchOptions options, String job, CpuBackend backend, WeightSource reference) {
        BenchResult measure() {
            final OperationCounter counter = new OperationCounter(backend);
            final Part part = part(counter.backend());
            final long loadStart = System.nanoTime();
            try (WeightSource source = Checkpoints.open(options.folder().resolve(part.component));
                    Arena weights = backend.openArena("weights of " + part.component)) {
                final Work work = part.builder.apply(source, weights);
                final double loadSeconds = (System.nanoTime() - loadStart) / NANO;
                final double before = counter.operations();
                final double error = validate(work);
                final double operations = counter.operations() - before;
                return new BenchResult(job, time(work), operations, error, loadSeconds, backend.memory().weights(),
                        counter.storedBytes());
            }
        }

        private double validate(final Work work) {
            final double[] worst = {0};
            try (Arena arena = backend.openArena(job)) {
                work.run(arena, (name, value) -> worst[0] = Math.max(worst[0],
                        deviation(reference.tensor(name).toFloats(), value.toFloats())));
            }
            if (!(worst[0] <= TOLERANCE)) {
                throw new IllegalStateException(String.format(Locale.ROOT, "%s deviates from the reference by %.1e, "
                        + "allowed %.1e; it is not timed", job, worst[0], TOLERANCE));
            }
            return worst[0];
        }

        private List<Double> time(final Work work) {
            final List<Double> seconds = new ArrayList<>();
            double total = 0;
            while (seconds.isEmpty() || seconds.size() < options.repeats() && total < options.seconds()) {
                final long start = System.nanoTime();
                try (Arena arena = backend.openArena(job)) {
                    work.run(arena, (name, value) -> { });
                }
                seconds.add((System.nanoTime() - start) / NANO);
                total += seconds.getLast();
            }
            return seconds;
        }

        private Part part(final Backend counted) {
            final ChatBench chat = new ChatBench(counted, options.folder(), reference);
            return switch (job) {
                case "mmdit_block" -> new Part("transformer", (source, weights) ->
                        block(counted, ModuleScope.of(counted, weights, WeightScope.of(source))));
                case "vae_decode" -> new Part("vae", (source, weights) ->
                        decode(counted, ModuleScope.of(counted, weights, WeightScope.of(source))));
                case "preprocess" -> new Part(ChatBench.COMPONENT, (source, weights) -> chat.preprocess());
                case "vision_encode" -> new Part(ChatBench.COMPONENT, chat::visionTower);
                case "prefill" -> new Part(ChatBench.COMPONENT, chat::prefill);
                case "decode" -> new Part(ChatBench.COMPONENT, (source, weights) ->
                        chat.decode(source, weights, options.repeats()));
                case "decode_f32" -> new Part(ChatBench.COMPONENT, (source, weights) ->
                        chat.decode(new WidenedWeights(source), weights, options.repeats()));
                default -> new Part("text_encoder", (source, weights) ->
                        encode(counted, ModuleScope.of(counted, weights, LanguageModel.scope(source))));
            };
        }

        private Work block(final Backend counted, final ModuleScope scope) {
            final QwenImageTransformer2DModel model =
                    new QwenImageTransformer2DModel(scope, QwenImageConfig.read(config("transformer")));
            final HostTensor image = reference.tensor("hidden_states");
            final int side = (int) Math.sqrt(image.shape().extent(0));
            final HostTensor temb = reference.tensor("temb");
            return (arena, outputs) -> model.forwardBlock(arena, counted.upload(arena, image),
                    counted.upload(arena, reference.tensor("encoder_hidden_states")),
                    counted.upload(arena, temb.reshape(1, temb.shape().elements())), new PatchGrid(side, side),
                    (name, imageOut, textOut) -> {
                        outputs.accept("output.hidden_states", counted.download(imageOut));
                        outputs.accept("output.encoder_hidden_states", counted.download(textOut));
                    });
        }

        private Work decode(final Backend counted, final ModuleScope scope) {
            final QwenImageDecoder model = new QwenImageDecoder(scope, QwenImageVaeConfig.read(config("vae")));
            return (arena, outputs) -> {
                final Tensor picture = model.forward(arena, reference.tensor("latents"), Cancellation.NEVER,
                        LayerObserver.NONE);
                outputs.accept("output", clippedChannelsFirst(counted.download(picture)));
            };
        }

        private Work encode(final Backend counted, final ModuleScope scope) {
            final LanguageModel model = new LanguageModel(scope, Qwen25VlLanguage.config(config("text_encoder")));
            final long[] tokens = reference.tensor("input_ids").toLongs();
            final int[] ids = new int[tokens.length];
            for (int i = 0; i < ids.length; i++) {
                ids[i] = Math.toIntExact(tokens[i]);
            }
            return (arena, outputs) -> outputs.accept("output", counted.download(model.forward(arena,
                    model.embed(arena, ids), Positions.text(0, ids.length), null, LanguageModel.Deepstack.NONE,
                    Cancellation.NEVER, LanguageModel.LayerObserver.NONE)));
        }

        private ConfigFile config(final String component) {
            return ConfigFile.read(options.folder().resolve(component).resolve("config.json"));
        }
    }

    private record Part(String component, Builder builder) {
    }

    private static double deviation(final float[] expected, final float[] actual) {
        if (expected.length != actual.length) {
            return Double.POSITIVE_INFINITY;
        }
        double largest = 0;
        double difference = 0;
        for (int i = 0; i < expected.length; i++) {
            largest = Math.max(largest, Math.abs(expected[i]));
            final double here = Math.abs(expected[i] - actual[i]);
            difference = Double.isNaN(here) ? Double.POSITIVE_INFINITY : Math.max(difference, here);
        }
        return difference / largest;
    }

    /** The reference decodes to -1 to 1 and keeps channels first. */
    private static HostTensor clippedChannelsFirst(final HostTensor picture) {
        final int channels = picture.shape().intExtent(2);
        final float[] from = picture.toFloats();
        final float[] to = new float[from.length];
        final int pixels = from.length / channels;
        for (int i = 0; i < from.length; i++) {
            to[i % channels * pixels + i / channels] = Math.clamp(from[i], -1f, 1f);
        }
        return HostTensor.ofFloats(io.qwenimage.tensor.Shape.of(channels, picture.shape().extent(0),
                picture.shape().extent(1)), to);
    }
}
