package io.qwenimage.pipeline;

import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Backends;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.image.ImageSize;
import io.qwenimage.model.vision.VisionGrid;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Edits on CUDA against the same edits on the CPU, which {@link EditGoldenTest} holds against diffusers: there every
 * picture is encoded at a megapixel, which takes minutes on the machine that stands in for a GPU; here references are
 * small.
 */
class CudaEditTest {
    private static final Path MODELS = Path.of("src/test/resources/goldens-vision/models");
    private static final DenoiseRequest REQUEST = new DenoiseRequest(64, 48, 2, 3, 5);

    /** The model, its references, and whether the case is guided; decoding is that of pictures made from text. */
    @ParameterizedTest
    @CsvSource({"edit-bf16,1,true", "edit-2509-bf16,2,false", "edit-2511-bf16,2,true"})
    void anEditIsTheCpus(final String model, final int references, final boolean guided) {
        final HostTensor expected = latents(Backends.automatic(), model, references, guided);
        for (final Backends.Named named : Backends.cuda()) {
            named.assertClose("latents on " + named, expected, latents(named, model, references, guided), 1e-3);
        }
    }

    private static HostTensor latents(final Backends.Named named, final String model, final int references,
            final boolean guided) {
        try (Backend backend = named.open();
                QwenImagePipeline pipeline = StandardQwenImagePipeline.open(MODELS.resolve(model), backend)) {
            return pipeline.denoise(bundle(pipeline.card().id(), references, guided), REQUEST, StepListener.NONE,
                    Cancellation.NEVER).tensor("latents");
        }
    }

    /** As the encoders would have made it, of small pictures. */
    private static Bundle bundle(final String model, final int references, final boolean guided) {
        final Random random = new Random(references);
        final List<HostTensor> latents = new ArrayList<>();
        for (int i = 0; i < references; i++) {
            latents.add(normal(random, 16, 4 + 2 * i, 6));
        }
        final Map<String, HostTensor> prompts = new HashMap<>(Map.of("prompt_embeds", normal(random, 19, 32)));
        if (guided) {
            prompts.put("negative_prompt_embeds", normal(random, 7, 32));
        }
        return new EditPictures(latents, Collections.nCopies(references, normal(random, 1, 32)),
                Collections.nCopies(references, new VisionGrid(1, 2, 2))).toBundle(model,
                Collections.nCopies(references, new ImageSize(48, 32)), new ImageSize(64, 48)).with(prompts, Map.of());
    }

    private static HostTensor normal(final Random random, final int... extents) {
        final long[] shape = Arrays.stream(extents).asLongStream().toArray();
        final float[] values = new float[Arrays.stream(extents).reduce(1, (a, b) -> a * b)];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return HostTensor.ofFloats(Shape.of(shape), values);
    }
}
