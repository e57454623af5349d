package io.qwenimage.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.qwenimage.Tensors;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Backends;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.backend.MemoryStatus;
import io.qwenimage.model.ConfigFile;
import io.qwenimage.model.qwenimage.QwenImageConfig;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** How often the weights that depend on the time alone are read, and that it does not matter for the latents. */
class StepModulationsTest {
    private static final Path MODEL = Path.of("src/test/resources/goldens/models/published-bf16-sharded");
    private static final int STEPS = 3;
    private static final QwenImageConfig CONFIG =
            QwenImageConfig.read(ConfigFile.read(MODEL.resolve("transformer/config.json")));
    /** {@code img_mod} and {@code txt_mod} of each block, and {@code norm_out}. */
    private static final int LAYERS = 2 * CONFIG.numLayers() + 1;

    /** What came of a request, and how many linear layers of modulation were computed for it. */
    private record Outcome(HostTensor latents, int layers) {
    }

    @Test
    void allStepsReadTheWeightsOnceWhereMemoryAllows() {
        assertEquals(LAYERS, denoised(Long.MAX_VALUE).layers());
    }

    @Test
    void whereMemoryIsScarceTheyAreReadForEachStepAndTheLatentsStayWithinRounding() {
        final Outcome scarce = denoised(1);
        assertEquals(STEPS * LAYERS, scarce.layers());
        Tensors.assertClose("latents", denoised(Long.MAX_VALUE).latents(), scarce.latents(), 1e-5);
    }

    @Test
    void twoTimesAtOnceLeaveTheThirdForLater() {
        final long valuesOfATime = (12L * CONFIG.numLayers() + 2) * CONFIG.innerDim();
        final Outcome two = denoised(8 * 2 * valuesOfATime * Float.BYTES);
        assertEquals(2 * LAYERS, two.layers());
        Tensors.assertClose("latents", denoised(Long.MAX_VALUE).latents(), two.latents(), 1e-5);
    }

    private static Outcome denoised(final long freeBytes) {
        final AtomicInteger layers = new AtomicInteger();
        try (Backend backend = limited(Backends.automatic().open(), freeBytes, layers);
                QwenImagePipeline pipeline = StandardQwenImagePipeline.open(MODEL, backend)) {
            final Random random = new Random(3);
            final Bundle bundle = new Bundle(Map.of("prompt_embeds", normal(random, 9), "negative_prompt_embeds",
                    normal(random, 4)), Map.of(Bundle.MODEL_KEY, pipeline.card().id()));
            final HostTensor latents = pipeline.denoise(bundle, new DenoiseRequest(48, 32, STEPS, 3, 5),
                    StepListener.NONE, Cancellation.NEVER).tensor("latents");
            return new Outcome(latents, layers.get());
        }
    }

    /** A backend that says how much memory is free, and counts what is stored by columns. */
    private static Backend limited(final Backend backend, final long freeBytes, final AtomicInteger stored) {
        return (Backend) Proxy.newProxyInstance(StepModulationsTest.class.getClassLoader(),
                new Class<?>[] {Backend.class}, (proxy, method, arguments) -> {
                    if (method.getName().equals("memory")) {
                        return new MemoryStatus(freeBytes, 0, 0, 0);
                    }
                    if (method.getName().equals("storeColumns")) {
                        stored.incrementAndGet();
                    }
                    try {
                        return method.invoke(backend, arguments);
                    } catch (final InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    private static HostTensor normal(final Random random, final int rows) {
        final int width = CONFIG.jointAttentionDim();
        final float[] values = new float[rows * width];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return HostTensor.ofFloats(Shape.of(rows, width), values);
    }
}
