package io.qwenimage.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Backends;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.image.ImageDecoder;
import io.qwenimage.image.RgbImage;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.weights.SafetensorsFile;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;

/**
 * Holds editing, image-to-image and inpainting against diffusers, case by case, with both positions of pictures where
 * the case has both. More cases, or folders of cases, are named by the system property {@value #CASES}, separated as
 * paths are.
 */
@Tag("models")
class EditGoldenTest {
    private static final Path GOLDENS = Path.of("src/test/resources/goldens-vision/edit");
    private static final String CASES = "qwenimage.edit.cases";

    @TestFactory
    Stream<DynamicTest> everyEditComesOutAsInTheReference() throws IOException {
        final List<GoldenCase> cases = new ArrayList<>(GoldenCase.find(GOLDENS));
        for (final String folder : System.getProperty(CASES, "").split(File.pathSeparator)) {
            if (!folder.isBlank()) {
                cases.addAll(GoldenCase.find(Path.of(folder)));
            }
        }
        final List<DynamicTest> tests = new ArrayList<>();
        for (final GoldenCase golden : cases) {
            for (final Backends.Named backend : CudaCases.backends(golden.folder())) {
                tests.add(DynamicTest.dynamicTest(golden.name() + " on " + backend, golden.folder().toUri(),
                        () -> run(golden, backend)));
            }
        }
        return tests.stream();
    }

    private static void run(final GoldenCase golden, final Backends.Named named) throws IOException {
        try (Backend backend = named.open()) {
            final Run run = new Run(golden, backend, golden.limits(named));
            final Bundle pictures = run.compare("expected.safetensors", PicturePositions.SEQUENTIAL, null);
            if (Files.exists(golden.folder().resolve("expected-spatial.safetensors"))) {
                run.compare("expected-spatial.safetensors", PicturePositions.SPATIAL, pictures);
            }
        }
    }

    /** One case on one backend. */
    private record Run(GoldenCase golden, Backend backend, GoldenCase.Limits limits) {
        /** What follows after the pictures' encodings depends on their positions; the encodings themselves do not. */
        private Bundle compare(final String file, final PicturePositions positions, final Bundle encoded) throws IOException {
            final List<Comparison> comparisons = new ArrayList<>();
            try (SafetensorsFile opened = SafetensorsFile.open(golden.folder().resolve(file));
                    QwenImagePipeline pipeline = StandardQwenImagePipeline.open(golden.model(), backend, positions)) {
                final SampledTensors expected = new SampledTensors(opened);
                final Bundle pictures = encoded != null ? encoded : pipeline.encodeImage(golden.pictures(), Cancellation.NEVER);
                comparePictures(expected, pictures, comparisons);
                compareStages(pipeline, expected, pictures, comparisons);
                final List<String> lines = comparisons.stream().map(Comparison::description).toList();
                System.out.println(golden.name() + ", " + positions + ": " + String.join("; ", lines));
                assertTrue(comparisons.stream().allMatch(Comparison::passed), () -> String.join("\n", lines));
                return pictures;
            }
        }

        private void comparePictures(final SampledTensors expected, final Bundle pictures,
                final List<Comparison> comparisons) throws IOException {
            for (int k = 0; k < golden.images().size(); k++) {
                if (golden.kind().equals("edit") && expected.has("image_latents." + k)) {
                    comparisons.add(expected.compare("image_latents." + k,
                            PackedLatents.of(pictures.tensor("image_latents." + k)), limits.latents()));
                }
            }
            if (expected.has("condition_grid_thw")) {
                assertEquals(Arrays.toString(expected.expected("condition_grid_thw").toLongs()),
                        Arrays.toString(pictures.tensor("image_grid_thw").toLongs()));
            }
        }

        private void compareStages(final QwenImagePipeline pipeline, final SampledTensors expected,
                final Bundle pictures, final List<Comparison> comparisons) {
            final Bundle text = pipeline.encodeText(pictures, golden.text(), Cancellation.NEVER);
            for (final String name : List.of("prompt_embeds", "negative_prompt_embeds")) {
                if (expected.has(name)) {
                    comparisons.add(expected.compare(name, text.tensor(name), limits.hidden()));
                }
            }
            final List<Integer> steps = new ArrayList<>();
            final Bundle denoised = pipeline.denoise(text, golden.denoise(), (step, count, values) -> {
                steps.add(step);
                comparisons.add(expected.compare("packed_latents." + step, PackedLatents.of(values),
                        limits.latents()));
            }, Cancellation.NEVER);
            assertEquals(golden.json().path("steps_taken").asInt(golden.steps()), steps.size(), "steps heard of");
            comparePicture(expected, pipeline.decode(denoised, Cancellation.NEVER), comparisons);
        }

        private void comparePicture(final SampledTensors expected, final RgbImage picture,
                final List<Comparison> comparisons) {
            final double psnr = limits.psnr();
            final double difference = limits.maximumDifference();
            if (expected.has("picture_size")) {
                assertEquals(Arrays.toString(expected.expected("picture_size").toLongs()),
                        Arrays.toString(new long[] {picture.width(), picture.height()}), "size of the picture");
            }
            final HostTensor wanted = expected.expected("image");
            if (expected.step("image") == 1) {
                comparisons.add(Comparison.ofPictures(wanted, picture, psnr, difference));
                return;
            }
            final Shape shape = wanted.shape();
            final float[] all = new float[picture.rgb().length];
            for (int i = 0; i < all.length; i++) {
                all[i] = picture.rgb()[i] & 0xff;
            }
            final float[] rows = expected.rows(all, shape, expected.step("image"));
            final byte[] rgb = new byte[rows.length];
            for (int i = 0; i < rgb.length; i++) {
                rgb[i] = (byte) (int) rows[i];
            }
            comparisons.add(Comparison.ofPictures(wanted.reshape(shape.extent(0), 1, shape.extent(1)),
                    new RgbImage(1, shape.intExtent(0), rgb), psnr, difference));
        }
    }
}
