package io.qwenimage.pipeline;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.qwenimage.backend.Backends;
import io.qwenimage.image.ImageDecoder;
import io.qwenimage.image.RgbImage;
import io.qwenimage.weights.SafetensorsFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * One run of diffusers' {@code QwenImagePipeline}, kept in a folder: case.json says what was asked,
 * expected.safetensors what came of it. The goldens' README describes both.
 */
record GoldenCase(Path folder, JsonNode json) {
    private static final String CASE = "case.json";
    private static final double HIDDEN = 1e-3;
    private static final double LATENTS = 1e-3;
    private static final double PSNR = 50;
    private static final double MAXIMUM_DIFFERENCE = 2;
    /** What the reference's call keeps of a prompt unless told otherwise. */
    private static final int REFERENCE_SEQUENCE_LENGTH = 512;

    /**
     * The case in a folder, or the cases in the folders right below it.
     *
     * @throws IOException if a file cannot be read or there is no case
     */
    static List<GoldenCase> find(final Path folder) throws IOException {
        final List<GoldenCase> cases = new ArrayList<>();
        if (Files.isRegularFile(folder.resolve(CASE))) {
            cases.add(read(folder));
        } else {
            try (Stream<Path> entries = Files.list(folder)) {
                for (final Path entry : entries.sorted().toList()) {
                    if (Files.isRegularFile(entry.resolve(CASE))) {
                        cases.add(read(entry));
                    }
                }
            }
        }
        if (cases.isEmpty()) {
            throw new IOException("folder " + folder + " holds neither " + CASE + " nor folders with one");
        }
        return cases;
    }

    /** Name of the folder. */
    String name() {
        return folder.getFileName().toString();
    }

    /** Which pipeline made the case. */
    String kind() {
        return json.path("kind").asText("text-to-image");
    }

    /** The model's folder: absolute, or relative to the case's. */
    Path model() {
        return folder.resolve(json.required("model").textValue()).normalize();
    }

    int steps() {
        return json.required("num_inference_steps").intValue();
    }

    TextRequest text() {
        return new TextRequest(json.required("prompt").textValue(), json.path("negative_prompt").textValue(),
                json.path("max_sequence_length").asInt(REFERENCE_SEQUENCE_LENGTH));
    }

    /** The pictures, in order. */
    List<RgbImage> images() throws IOException {
        final List<RgbImage> images = new ArrayList<>();
        for (final JsonNode name : json.required("images")) {
            images.add(ImageDecoder.read(Files.readAllBytes(folder.resolve(name.textValue()))));
        }
        return images;
    }

    /** The pictures and what they are for. */
    ImageRequest pictures() throws IOException {
        if (kind().equals("edit")) {
            return new ImageRequest(images());
        }
        final String mask = json.path("mask").textValue();
        return new ImageRequest(images(), new ImageRequest.Start(
                mask == null ? null : ImageDecoder.read(Files.readAllBytes(folder.resolve(mask))),
                denoise().width(), denoise().height()));
    }

    DenoiseRequest denoise() {
        return new DenoiseRequest(json.path("width").asInt(DenoiseRequest.AUTOMATIC),
                json.path("height").asInt(DenoiseRequest.AUTOMATIC), steps(),
                json.required("true_cfg_scale").doubleValue(), json.required("seed").bigIntegerValue().longValue(),
                json.path("strength").asDouble(DenoiseRequest.DEFAULT_STRENGTH));
    }

    /**
     * How near everything must come.
     *
     * @param hidden            hidden states, relative
     * @param latents           latents after each step, relative
     * @param psnr              the picture, in decibels
     * @param maximumDifference the picture's samples of 255
     */
    record Limits(double hidden, double latents, double psnr, double maximumDifference) {
    }

    /** The limits that the case sets, or else those that all goldens are held to, as far as a backend's precision goes. */
    Limits limits(final Backends.Named backend) {
        return new Limits(backend.tolerance(tolerance("hidden", HIDDEN)), backend.tolerance(tolerance("latents", LATENTS)),
                backend.psnr(tolerance("psnr", PSNR)),
                backend.maximumDifference(tolerance("max_pixel", MAXIMUM_DIFFERENCE)));
    }

    private double tolerance(final String key, final double otherwise) {
        return json.path("tolerance").path(key).asDouble(otherwise);
    }

    /** What came of it; the caller closes it. */
    SafetensorsFile expected() {
        return SafetensorsFile.open(folder.resolve("expected.safetensors"));
    }

    private static GoldenCase read(final Path folder) throws IOException {
        return new GoldenCase(folder, JsonMapper.builder().build().readTree(folder.resolve(CASE).toFile()));
    }
}
