package io.qwenimage.pipeline;

import io.qwenimage.generation.GenerationConfig;
import io.qwenimage.model.ConfigFile;
import io.qwenimage.tokenizer.Tokenizer;
import io.qwenimage.weights.Checkpoints;
import io.qwenimage.weights.WeightException;
import io.qwenimage.weights.WeightSource;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/**
 * Says what a folder with a model of the Qwen-VL family holds, what of it is missing or damaged and what memory it
 * needs, without preparing any weight. Damage of one part does not hide that of another.
 */
public final class VisionLanguageInspection {
    private final VisionLanguageFolder folder;
    private final long memoryBudget;
    private final List<VerificationStep> steps = new ArrayList<>();

    private VisionLanguageInspection(final VisionLanguageFolder folder, final long memoryBudget) {
        this.folder = folder;
        this.memoryBudget = memoryBudget;
    }

    /**
     * Inspects a folder.
     *
     * @param root         the folder with config.json, or that of a Qwen-Image pipeline
     * @param memoryBudget bytes that the device has for weights
     * @return findings in the order in which they were made; at least one
     */
    public static List<VerificationStep> inspect(final Path root, final long memoryBudget) {
        final VisionLanguageInspection inspection;
        try {
            inspection = new VisionLanguageInspection(VisionLanguageFolder.open(root), memoryBudget);
        } catch (WeightException e) {
            return List.of(new VerificationStep("Folder", false, e.getMessage()));
        }
        inspection.run();
        return List.copyOf(inspection.steps);
    }

    private void run() {
        step("Folder", () -> folder.root() + (folder.root().equals(folder.weights()) ? " holds a model"
                : " holds a pipeline, whose text encoder answers"));
        step("Architecture", () -> folder.card(folder.config()).modelType());
        step("Pictures and turns", () -> {
            folder.patchLayout();
            folder.chatTemplate();
            GenerationConfig.read(folder.weights(), folder.config());
            return "how pictures are prepared, turns written and answers ended is known";
        });
        step("Tokenizer", () -> {
            Tokenizer.open(folder.tokenizer()).close();
            return "valid and supported";
        });
        step("Shapes", this::shapes);
        step("Memory", this::memory);
    }

    private String shapes() {
        final ConfigFile config = folder.config();
        try (WeightSource source = Checkpoints.open(folder.weights())) {
            VisionLanguageLoader.inspect(config, source);
            return source.names().size() + " tensors; all that the model needs fit config.json";
        }
    }

    private String memory() {
        final long needed;
        try (WeightSource source = Checkpoints.open(folder.weights())) {
            needed = source.names().stream().map(source::info)
                    .mapToLong(info -> info.shape().elements() * info.dtype().bytes()).sum();
        }
        if (needed > memoryBudget) {
            throw new WeightException("weights need " + FolderInspection.size(needed) + " but "
                    + FolderInspection.size(memoryBudget)
                    + " are allowed. Raise the device's memory budget or use a smaller model");
        }
        return "weights need up to " + FolderInspection.size(needed) + " of " + FolderInspection.size(memoryBudget);
    }

    private void step(final String name, final Supplier<String> check) {
        try {
            steps.add(new VerificationStep(name, true, check.get()));
        } catch (WeightException | IllegalStateException e) {
            steps.add(new VerificationStep(name, false, e.getMessage()));
        }
    }
}
