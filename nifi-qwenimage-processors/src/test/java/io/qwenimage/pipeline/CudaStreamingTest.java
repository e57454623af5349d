package io.qwenimage.pipeline;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.backend.CudaBackends;
import io.qwenimage.image.ImageSize;
import io.qwenimage.kernels.standin.PosedDevice;
import io.qwenimage.kernels.standin.StandIn;
import io.qwenimage.model.ConfigFile;
import io.qwenimage.model.qwenimage.QwenImageConfig;
import io.qwenimage.model.vision.VisionGrid;
import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.weights.WeightSource;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The denoiser under a memory budget that its weights do not fit into: it makes the same latents, bit for bit, and its
 * steps copy what they stream once and nothing else. The first step runs as it comes, the second is recorded.
 */
class CudaStreamingTest {
    private static final String TEXT_TO_IMAGE = "src/test/resources/goldens/models/published-bf16-sharded";
    private static final String EDIT = "src/test/resources/goldens-vision/models/edit-2511-bf16";
    private static final int STEPS = 2;

    /** What a run came to. */
    private record Run(float[] latents, String residency, long weights, List<Long> bytesOfSteps,
            List<Long> waitsOfSteps) {
    }

    @ParameterizedTest
    @CsvSource({"BF16, " + TEXT_TO_IMAGE, "F32, " + EDIT})
    void aSmallBudgetMakesTheSameLatents(final DType type, final String model) {
        final ModelFolder folder = ModelFolder.open(Path.of(model));
        final DenoiserWeights weights;
        final long budget;
        final Run resident;
        try (Backend backend = CudaBackends.open(type, PosedDevice.h100());
                WeightSource source = folder.weights(ModelFolder.TRANSFORMER)) {
            weights = DenoiserWeights.of(source, config(folder).numLayers(), backend);
            final DeviceRoom room = DeviceRoom.ofEmpty(backend, folder);
            budget = backend.memory().budget() - room.forDenoiser();
            resident = run(folder, backend);
        }
        assertEquals("", resident.residency());
        assertEquals(weights.all(), resident.weights());
        final Run streamed = run(folder, type, budget + weights.least());
        assertTrue(streamed.residency().startsWith("2 of 2 blocks of the denoiser are streamed in every step, and the "
                + "modulation of 2 of 2 once a request, from "), streamed.residency());
        assertArrayEquals(resident.latents(), streamed.latents());
        assertEquals(weights.least(), streamed.weights());
        if (!CudaBackends.isReal()) {
            assertEquals(0, resident.bytesOfSteps().getLast(), "bytes of a step if all weights stay");
            final long bytes = streamed.bytesOfSteps().getLast();
            final long least = raw(folder, type);
            assertTrue(bytes >= least && bytes <= 2 * weights.block(),
                    bytes + " bytes of a step, two blocks have " + least);
            assertEquals(1, streamed.waitsOfSteps().getLast(), "waits of a recorded step");
        }
    }

    private static Run run(final ModelFolder folder, final DType type, final long budget) {
        try (Backend backend = CudaBackends.open(type, PosedDevice.h100(), budget)) {
            return run(folder, backend);
        }
    }

    private static Run run(final ModelFolder folder, final Backend backend) {
        final List<Long> bytes = new ArrayList<>();
        final List<Long> waits = new ArrayList<>();
        try (QwenImagePipeline pipeline = StandardQwenImagePipeline.open(folder.root(), backend)) {
            final long[] before = new long[2];
            final Bundle latents = pipeline.denoise(bundle(folder, pipeline.card()),
                    new DenoiseRequest(32, 48, STEPS, 3, 5), (step, steps, values) -> {
                        if (!CudaBackends.isReal()) {
                            final StandIn standIn = StandIn.install();
                            bytes.add(standIn.books().bytesToDevice() - before[0]);
                            waits.add(standIn.books().waits() - before[1]);
                            before[0] = standIn.books().bytesToDevice();
                            before[1] = standIn.books().waits();
                        }
                    }, Cancellation.NEVER);
            return new Run(latents.tensor("latents").toFloats(), pipeline.residency(), backend.memory().weights(),
                    bytes, waits);
        }
    }

    /** Bytes of what the steps read of all blocks, without the gaps between weights. */
    private static long raw(final ModelFolder folder, final DType type) {
        try (WeightSource source = folder.weights(ModelFolder.TRANSFORMER)) {
            return source.names().stream().filter(name -> name.startsWith("transformer_blocks."))
                    .filter(name -> !name.contains("_mod."))
                    .mapToLong(name -> source.info(name).shape().elements() * type.bytes()).sum();
        }
    }

    private static QwenImageConfig config(final ModelFolder folder) {
        return QwenImageConfig.read(ConfigFile.read(folder.component(ModelFolder.TRANSFORMER).resolve("config.json")));
    }

    private static Bundle bundle(final ModelFolder folder, final ModelCard card) {
        final Random random = new Random(7);
        final int width = config(folder).jointAttentionDim();
        final Map<String, HostTensor> prompts = Map.of("prompt_embeds", normal(random, 5, width),
                "negative_prompt_embeds", normal(random, 3, width));
        return card.edits()
                ? new EditPictures(List.of(normal(random, 16, 4, 2)), List.of(normal(random, 1, width)),
                        List.of(new VisionGrid(1, 2, 2))).toBundle(card.id(), List.of(new ImageSize(16, 32)),
                        new ImageSize(32, 48)).with(prompts, Map.of())
                : new Bundle(prompts, Map.of(Bundle.MODEL_KEY, card.id()));
    }

    private static HostTensor normal(final Random random, final long... extents) {
        final float[] values = new float[Math.toIntExact(Arrays.stream(extents).reduce(1, (a, b) -> a * b))];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return HostTensor.ofFloats(Shape.of(extents), values);
    }
}
