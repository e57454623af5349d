package io.qwenimage.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Backends;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.diffusion.FlowMatchEulerDiscreteScheduler;
import io.qwenimage.diffusion.Schedule;
import io.qwenimage.diffusion.TorchGenerator;
import io.qwenimage.model.ConfigFile;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.weights.SafetensorsFile;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;

/**
 * Holds the whole engine against diffusers, case by case. More cases, or folders of cases, are named by the system
 * property {@value #CASES}, separated as paths are: {@code mvn test -Dtest=GoldenCaseTest -Dqwenimage.cases=FOLDER}.
 */
@Tag("models")
class GoldenCaseTest {
    private static final Path GOLDENS = Path.of("src/test/resources/goldens");
    private static final String CASES = "qwenimage.cases";
    private static final double NOISE = 1e-5;
    private static final double SIGMAS = 1e-6;

    @TestFactory
    Stream<DynamicTest> everyCaseComesOutAsInTheReference() throws IOException {
        final List<GoldenCase> cases = new ArrayList<>(GoldenCase.find(GOLDENS));
        for (final String folder : System.getProperty(CASES, "").split(File.pathSeparator)) {
            if (!folder.isBlank()) {
                cases.addAll(GoldenCase.find(Path.of(folder)));
            }
        }
        return cases.stream().flatMap(golden -> CudaCases.backends(golden.folder()).stream().map(
                backend -> DynamicTest.dynamicTest(golden.name() + " on " + backend, golden.folder().toUri(),
                        () -> run(golden, backend))));
    }

    private static void run(final GoldenCase golden, final Backends.Named named) {
        assertEquals("text-to-image", golden.kind(), "kind of " + golden.folder());
        final List<Comparison> comparisons = new ArrayList<>();
        try (SafetensorsFile expected = golden.expected();
                Backend backend = named.open();
                QwenImagePipeline pipeline = StandardQwenImagePipeline.open(golden.model(), backend)) {
            compareSchedule(golden, expected, comparisons);
            comparePipeline(golden, pipeline, expected, golden.limits(named), comparisons);
        }
        final List<String> lines = comparisons.stream().map(Comparison::description).toList();
        System.out.println(golden.name() + " on " + named + ": " + String.join("; ", lines));
        assertTrue(comparisons.stream().allMatch(Comparison::passed), () -> golden.name() + " differs: "
                + comparisons.stream().filter(comparison -> !comparison.passed()).findFirst().orElseThrow()
                + "\nall: " + String.join("\n     ", lines));
    }

    /** What needs no network: noise and schedule. */
    private static void compareSchedule(final GoldenCase golden, final SafetensorsFile expected,
            final List<Comparison> comparisons) {
        final HostTensor noise = expected.tensor("initial_latents");
        final Shape shape = noise.shape();
        comparisons.add(Comparison.of("noise", noise, HostTensor.ofFloats(shape,
                new TorchGenerator(golden.denoise().seed()).normal(Math.toIntExact(shape.elements()))), NOISE));
        if (expected.names().contains("sigmas")) {
            final Schedule schedule = FlowMatchEulerDiscreteScheduler
                    .read(ConfigFile.read(golden.model().resolve("scheduler/scheduler_config.json")))
                    .schedule(golden.steps(), Math.toIntExact(shape.extent(1) * shape.extent(2) / 4));
            final float[] sigmas = new float[golden.steps() + 1];
            for (int i = 0; i < sigmas.length; i++) {
                sigmas[i] = schedule.sigma(i);
            }
            comparisons.add(Comparison.of("sigmas", expected.tensor("sigmas"),
                    HostTensor.ofFloats(Shape.of(sigmas.length), sigmas), SIGMAS));
        }
    }

    private static void comparePipeline(final GoldenCase golden, final QwenImagePipeline pipeline,
            final SafetensorsFile expected, final GoldenCase.Limits limits, final List<Comparison> comparisons) {
        final Bundle text = pipeline.encodeText(golden.text(), Cancellation.NEVER);
        for (final String name : List.of("prompt_embeds", "negative_prompt_embeds")) {
            if (expected.names().contains(name)) {
                comparisons.add(Comparison.of(name, expected.tensor(name), text.tensor(name), limits.hidden()));
            }
        }
        final List<Integer> steps = new ArrayList<>();
        final Bundle denoised = pipeline.denoise(text, golden.denoise(), (step, count, values) -> {
            steps.add(step);
            comparisons.add(Comparison.of("latents." + step, expected.tensor("latents." + step), values,
                    limits.latents()));
        }, Cancellation.NEVER);
        assertEquals(IntStream.range(0, golden.steps()).boxed().toList(), steps, "steps heard of");
        final String last = "latents." + (golden.steps() - 1);
        comparisons.add(Comparison.of("latents", expected.tensor(last), denoised.tensor("latents"),
                limits.latents()));
        comparisons.add(Comparison.ofPictures(expected.tensor("image"), pipeline.decode(denoised, Cancellation.NEVER),
                limits.psnr(), limits.maximumDifference()));
    }
}
