package io.qwenimage.pipeline;

import io.qwenimage.backend.Backend;
import io.qwenimage.backend.ResourceExhaustedException;
import io.qwenimage.model.ConfigFile;
import io.qwenimage.model.qwenimage.QwenImageConfig;
import io.qwenimage.tensor.DType;
import io.qwenimage.weights.Checkpoints;
import io.qwenimage.weights.ShardedWeights;
import io.qwenimage.weights.WeightException;
import io.qwenimage.weights.WeightSource;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.stream.Collectors;

/**
 * Says what a published pipeline folder holds, what of it is missing or damaged and what memory it needs, without
 * loading any weight. Damage of one component does not hide that of another.
 */
public final class FolderInspection {
    private static final String REMEDY = ". Download what is missing, or give the folder of a Qwen-Image pipeline";
    private static final List<String> WEIGHTED = List.of(ModelFolder.TEXT_ENCODER, ModelFolder.TRANSFORMER,
            ModelFolder.VAE);
    /** The classes of model_index.json that each component may have. */
    private static final Map<String, List<String>> CLASSES = classes(PipelineKind.TEXT_TO_IMAGE);
    private static final String TEXT_ENCODER_TYPE = "qwen2_5_vl";

    private final Path root;
    private Map<String, List<String>> classes = CLASSES;
    private final long memoryBudget;
    private final Backend backend;
    private final BiFunction<Path, String, List<String>> shapes;
    private final List<VerificationStep> steps = new ArrayList<>();
    private final Map<String, Long> needed = new LinkedHashMap<>();

    private FolderInspection(final Path root, final long memoryBudget, final Backend backend,
            final BiFunction<Path, String, List<String>> shapes) {
        this.root = root;
        this.memoryBudget = memoryBudget;
        this.backend = backend;
        this.shapes = shapes;
    }

    /**
     * Inspects a folder.
     *
     * @param root         the folder with model_index.json
     * @param memoryBudget bytes that the device has for weights
     * @return findings in the order in which they were made; at least one
     */
    public static List<VerificationStep> inspect(final Path root, final long memoryBudget) {
        return inspect(root, memoryBudget, ComponentShapes::problems);
    }

    /**
     * As {@link #inspect(Path, long)}, for a device that may bring weights from the host's memory as they are needed.
     *
     * @param backend where the model is to run
     */
    public static List<VerificationStep> inspect(final Path root, final Backend backend) {
        return new FolderInspection(root, backend.memory().budget(), backend, ComponentShapes::problems).run();
    }

    /**
     * As {@link #inspect(Path, long)}.
     *
     * @param shapes what is wrong with a component of a folder, by its name
     */
    static List<VerificationStep> inspect(final Path root, final long memoryBudget,
            final BiFunction<Path, String, List<String>> shapes) {
        return new FolderInspection(root, memoryBudget, null, shapes).run();
    }

    private List<VerificationStep> run() {
        check();
        return List.copyOf(steps);
    }

    private void check() {
        final Path index = root.resolve("model_index.json");
        if (!Files.isDirectory(root) || !Files.isRegularFile(index)) {
            fail("Folder", "model folder " + root + (Files.isDirectory(root) ? " holds no model_index.json"
                    : " does not exist or is no folder") + REMEDY);
            return;
        }
        final ConfigFile pipeline;
        try {
            pipeline = ConfigFile.read(index);
        } catch (WeightException e) {
            fail("Folder", e.getMessage());
            return;
        }
        final String className = pipeline.has("_class_name") ? pipeline.stringAt("_class_name", "") : "";
        if (PipelineKind.classNames().contains(className)) {
            classes = classes(PipelineKind.of(className));
        }
        checkFolder(pipeline);
        checkArchitecture(pipeline);
        WEIGHTED.stream().filter(this::isThere).forEach(this::checkWeights);
        classes.keySet().stream().filter(this::isThere).forEach(this::checkShapes);
        checkMemory();
    }

    private void checkFolder(final ConfigFile pipeline) {
        final List<String> missing = classes.keySet().stream()
                .filter(component -> !pipeline.isListOfStrings(component) || !isThere(component)).toList();
        if (missing.isEmpty()) {
            pass("Folder", root + " holds " + String.join(", ", classes.keySet()));
        } else {
            fail("Folder", "model folder " + root + " or its model_index.json lacks " + String.join(", ", missing)
                    + REMEDY);
        }
    }

    private void checkArchitecture(final ConfigFile pipeline) {
        final List<String> faults = new ArrayList<>();
        note(faults, () -> pipeline.choiceAt("_class_name", null, PipelineKind.classNames()));
        for (final Map.Entry<String, List<String>> entry : classes.entrySet()) {
            if (pipeline.isListOfStrings(entry.getKey())) {
                final List<String> named = pipeline.stringsAt(entry.getKey());
                if (named.size() != 2 || !entry.getValue().contains(named.getLast())) {
                    faults.add(pipeline.refusal(entry.getKey(), "a library and one of " + entry.getValue())
                            .getMessage());
                }
            }
        }
        for (final String component : WEIGHTED) {
            if (isThere(component)) {
                note(faults, () -> checkConfig(component));
            }
        }
        if (faults.isEmpty()) {
            pass("Architecture", classes.values().stream().map(List::getFirst).collect(Collectors.joining(", ")));
        } else {
            fail("Architecture", String.join("; ", faults));
        }
    }

    /** A component's own config.json tells its class, too. */
    private void checkConfig(final String component) {
        final ConfigFile config = ConfigFile.read(root.resolve(component).resolve("config.json"));
        if (component.equals(ModelFolder.TEXT_ENCODER)) {
            config.choiceAt("model_type", TEXT_ENCODER_TYPE, List.of(TEXT_ENCODER_TYPE));
        } else {
            config.choiceAt("_class_name", classes.get(component).getFirst(), classes.get(component));
        }
    }

    private void checkWeights(final String component) {
        final String step = "Index of " + component;
        try (WeightSource source = Checkpoints.open(root.resolve(component))) {
            final Map<DType, Long> bytes = new EnumMap<>(DType.class);
            for (final String name : source.names()) {
                final WeightSource.Info info = source.info(name);
                bytes.merge(info.dtype(), info.shape().elements() * info.dtype().bytes(), Long::sum);
            }
            final long total = bytes.values().stream().mapToLong(Long::longValue).sum();
            needed.put(component, total);
            final int files = source instanceof ShardedWeights sharded ? sharded.shards().size() : 1;
            pass(step, files + (files == 1 ? " file, " : " files, ") + source.names().size() + " tensors, " + bytes
                    .entrySet().stream().map(entry -> size(entry.getValue()) + " of " + entry.getKey())
                    .collect(Collectors.joining(", ")));
        } catch (WeightException e) {
            fail(step, e.getMessage());
        }
    }

    private void checkShapes(final String component) {
        final String step = (WEIGHTED.contains(component) ? "Shapes of " : "Contents of ") + component;
        try {
            final List<String> problems = shapes.apply(root, component);
            if (problems.isEmpty()) {
                pass(step, WEIGHTED.contains(component) ? "every tensor fits config.json" : "valid and supported");
            } else {
                fail(step, String.join("; ", problems));
            }
        } catch (WeightException | IllegalStateException e) {
            fail(step, e.getMessage());
        }
    }

    private void checkMemory() {
        if (needed.size() < WEIGHTED.size()) {
            fail("Memory", "what the model needs is unknown as long as weights are missing or damaged; mend them "
                    + "first");
            return;
        }
        final long total = needed.values().stream().mapToLong(Long::longValue).sum();
        final String parts = needed.entrySet().stream().map(entry -> entry.getKey() + " " + size(entry.getValue()))
                .collect(Collectors.joining(", "));
        if (backend != null && backend.streamsLayers()) {
            checkStreaming("weights need up to " + size(total) + " (" + parts + ") of " + size(memoryBudget));
        } else if (total <= memoryBudget) {
            pass("Memory", "weights need up to " + size(total) + " (" + parts + ") of " + size(memoryBudget));
        } else {
            fail("Memory", "weights need " + size(total) + " (" + parts + ") but " + size(memoryBudget)
                    + " are allowed. Raise the device's memory budget or use a smaller model");
        }
    }

    /** What does not fit into the device's memory may wait in the host's. */
    private void checkStreaming(final String need) {
        try {
            final String streamed = streamed(ModelFolder.open(root));
            pass("Memory", need + (streamed.isEmpty() ? "" : ": " + streamed));
        } catch (WeightException | ResourceExhaustedException e) {
            fail("Memory", e.getMessage());
        }
    }

    private String streamed(final ModelFolder folder) {
        try (WeightSource source = folder.weights(ModelFolder.TRANSFORMER)) {
            final DenoiserWeights denoiser = DenoiserWeights.of(source,
                    QwenImageConfig.read(folder.config(ModelFolder.TRANSFORMER)).numLayers(), backend);
            return denoiser.describe(DeviceRoom.ofEmpty(backend, folder).residency(denoiser));
        }
    }

    private boolean isThere(final String component) {
        return Files.isDirectory(root.resolve(component));
    }

    private static void note(final List<String> faults, final Runnable check) {
        try {
            check.run();
        } catch (WeightException e) {
            faults.add(e.getMessage());
        }
    }

    private void pass(final String name, final String explanation) {
        steps.add(new VerificationStep(name, true, explanation));
    }

    private void fail(final String name, final String explanation) {
        steps.add(new VerificationStep(name, false, explanation));
    }

    static String size(final long bytes) {
        final double mebibytes = bytes / (double) (1 << 20);
        return mebibytes < 1024 ? String.format(Locale.ROOT, "%.1f MiB", mebibytes)
                : String.format(Locale.ROOT, "%.1f GiB", mebibytes / 1024);
    }

    private static Map<String, List<String>> classes(final PipelineKind kind) {
        final Map<String, List<String>> classes = new LinkedHashMap<>();
        classes.put(ModelFolder.TOKENIZER, List.of("Qwen2Tokenizer", "Qwen2TokenizerFast"));
        classes.put(ModelFolder.TEXT_ENCODER, List.of("Qwen2_5_VLForConditionalGeneration"));
        classes.put(ModelFolder.TRANSFORMER, List.of("QwenImageTransformer2DModel"));
        classes.put(ModelFolder.VAE, List.of("AutoencoderKLQwenImage"));
        classes.put(ModelFolder.SCHEDULER, List.of("FlowMatchEulerDiscreteScheduler"));
        if (kind.edits()) {
            classes.put(ModelFolder.PROCESSOR, List.of("Qwen2VLProcessor", "Qwen2_5_VLProcessor"));
        }
        return Collections.unmodifiableMap(classes);
    }
}
