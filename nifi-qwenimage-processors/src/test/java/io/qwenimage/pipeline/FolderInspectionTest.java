package io.qwenimage.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.backend.Backend;
import io.qwenimage.backend.CudaBackends;
import io.qwenimage.kernels.standin.PosedDevice;
import io.qwenimage.tensor.DType;
import io.qwenimage.weights.WeightSource;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FolderInspectionTest {
    private static final Path MODELS = Path.of("src/test/resources/goldens/models");
    private static final long BUDGET = 1L << 30;

    @TempDir
    private Path folder;

    @BeforeEach
    void copyModel() throws IOException {
        final Path source = MODELS.resolve("published-bf16-sharded");
        try (Stream<Path> files = Files.walk(source)) {
            for (final Path file : files.filter(Files::isRegularFile).toList()) {
                final Path target = folder.resolve(source.relativize(file).toString());
                Files.createDirectories(target.getParent());
                Files.copy(file, target);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"published-bf16-sharded", "nested-f32", "defaults-f16-f8"})
    void findsNothingWrongWithGoodFolders(final String model) {
        final List<VerificationStep> steps = FolderInspection.inspect(MODELS.resolve(model), BUDGET);
        assertEquals(List.of("Folder", "Architecture", "Index of text_encoder", "Index of transformer", "Index of vae",
                "Contents of tokenizer", "Shapes of text_encoder", "Shapes of transformer", "Shapes of vae",
                "Contents of scheduler", "Memory"), steps.stream().map(VerificationStep::name).toList());
        assertEquals(List.of(), failed(steps));
    }

    @Test
    void saysWhatTheFolderHoldsAndNeeds() {
        final List<VerificationStep> steps = FolderInspection.inspect(folder, BUDGET);
        final String index = step(steps, "Index of transformer").explanation();
        assertTrue(index.matches("2 files, \\d+ tensors, .* MiB of BF16"), index);
        final String memory = step(steps, "Memory").explanation();
        assertTrue(memory.matches("weights need up to .* \\(text_encoder .*, transformer .*, vae .*\\) of 1.0 GiB"), memory);
    }

    @Test
    void refusesWhatIsNoPipelineFolder() throws IOException {
        assertFailure(FolderInspection.inspect(folder.resolve("absent"), BUDGET), "Folder", "does not exist");
        assertFailure(FolderInspection.inspect(folder.resolve("vae"), BUDGET), "Folder", "no model_index.json");
        Files.writeString(folder.resolve("model_index.json"), "{");
        assertFailure(FolderInspection.inspect(folder, BUDGET), "Folder", "not valid JSON");
    }

    @Test
    void namesMissingComponents() throws IOException {
        replace("model_index.json", "\"vae\"", "\"other\"");
        assertFailure(FolderInspection.inspect(folder, BUDGET), "Folder", "lacks vae. Download");
    }

    @Test
    void namesUnknownArchitectures() throws IOException {
        replace("model_index.json", "QwenImagePipeline", "FluxPipeline");
        replace("model_index.json", "AutoencoderKLQwenImage", "AutoencoderKL");
        replace("text_encoder/config.json", "\"model_type\": \"qwen2_5_vl\"", "\"model_type\": \"t5\"");
        final List<VerificationStep> steps = FolderInspection.inspect(folder, BUDGET);
        assertFailure(steps, "Architecture", "_class_name is \"FluxPipeline\"");
        assertFailure(steps, "Architecture", "vae is [\"diffusers\",\"AutoencoderKL\"]");
        assertFailure(steps, "Architecture", "model_type is \"t5\"");
    }

    @Test
    void namesEveryDamagedFileOfSeveralComponents() throws IOException {
        final Path shard = folder.resolve("transformer/diffusion_pytorch_model-00002-of-00002.safetensors");
        Files.delete(shard);
        final Path vae = folder.resolve("vae/diffusion_pytorch_model-00001-of-00002.safetensors");
        try (RandomAccessFile file = new RandomAccessFile(vae.toFile(), "rw")) {
            file.setLength(file.length() - 2);
        }
        final List<VerificationStep> steps = FolderInspection.inspect(folder, BUDGET);
        assertFailure(steps, "Index of transformer", shard.getFileName().toString());
        assertFailure(steps, "Index of vae", "truncated");
        assertTrue(step(steps, "Index of text_encoder").successful());
        assertFailure(steps, "Memory", "unknown as long as weights are missing");
    }

    @Test
    void passesOnWhatDoesNotFitTheConfiguration() {
        final List<VerificationStep> steps = FolderInspection.inspect(folder, BUDGET, (root, component) ->
                component.equals("vae") ? List.of("tensor a has shape [1]", "tensor b is missing") : List.of());
        assertFailure(steps, "Shapes of vae", "tensor a has shape [1]; tensor b is missing");
        assertTrue(step(steps, "Index of transformer").successful());
    }

    @Test
    void comparesConfigurationsWithTensors() throws IOException {
        replace("transformer/config.json", "\"num_layers\": 2", "\"num_layers\": 3");
        assertFailure(FolderInspection.inspect(folder, BUDGET), "Shapes of transformer", "transformer_blocks.2");
    }

    @Test
    void comparesMemoryWithTheBudget() {
        assertFailure(FolderInspection.inspect(folder, 1000), "Memory", "but 0.0 MiB are allowed");
    }

    @Test
    void saysWhatWillBeStreamedToADevice() {
        final long least = least();
        try (Backend backend = CudaBackends.open(DType.BF16, PosedDevice.h100(), least)) {
            final VerificationStep memory = step(FolderInspection.inspect(folder, backend), "Memory");
            assertTrue(memory.successful(), memory.explanation());
            assertTrue(memory.explanation().matches("weights need up to .*: 2 of 2 blocks of the denoiser are streamed "
                    + "in every step, and the modulation of 2 of 2 once a request, from .* of page-locked host memory"),
                    memory.explanation());
        }
        try (Backend backend = CudaBackends.open(DType.BF16, PosedDevice.h100(), least - 1)) {
            assertFailure(FolderInspection.inspect(folder, backend), "Memory", "if all its blocks are streamed, but ");
        }
    }

    @Test
    void aKindThatNobodyKnowsHidesNothingOnADeviceThatStreams() throws IOException {
        replace("model_index.json", "QwenImagePipeline", "QwenSoundPipeline");
        try (Backend backend = CudaBackends.open(DType.BF16, PosedDevice.h100())) {
            final List<VerificationStep> steps = FolderInspection.inspect(folder, backend);
            assertFailure(steps, "Architecture", "QwenSoundPipeline");
            assertFailure(steps, "Memory", "QwenSoundPipeline");
            assertTrue(step(steps, "Index of transformer").successful());
        }
    }

    /** The smallest budget that a model can be computed with. */
    private long least() {
        final ModelFolder opened = ModelFolder.open(folder);
        try (Backend backend = CudaBackends.open(DType.BF16, PosedDevice.h100());
                WeightSource source = opened.weights(ModelFolder.TRANSFORMER)) {
            final String memory = step(FolderInspection.inspect(folder, backend), "Memory").explanation();
            assertTrue(memory.endsWith(" of 2.0 GiB"), memory);
            return backend.memory().budget() - DeviceRoom.ofEmpty(backend, opened).forDenoiser()
                    + DenoiserWeights.of(source, 2, backend).least();
        }
    }

    private void replace(final String file, final String from, final String to) throws IOException {
        final String text = Files.readString(folder.resolve(file));
        assertTrue(text.contains(from), text);
        Files.writeString(folder.resolve(file), text.replace(from, to));
    }

    private static List<VerificationStep> failed(final List<VerificationStep> steps) {
        return steps.stream().filter(step -> !step.successful()).toList();
    }

    private static VerificationStep step(final List<VerificationStep> steps, final String name) {
        return steps.stream().filter(step -> step.name().equals(name)).findFirst().orElseThrow();
    }

    private static void assertFailure(final List<VerificationStep> steps, final String name, final String part) {
        final VerificationStep step = step(steps, name);
        assertFalse(step.successful(), step.explanation());
        assertTrue(step.explanation().contains(part), step.explanation());
    }
}
