package io.qwenimage.model;

import io.qwenimage.image.PatchLayout;
import io.qwenimage.image.ResampleFilter;
import io.qwenimage.weights.WeightException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * Reads how a model of the Qwen-VL family takes pictures, from {@code processor_config.json} (as transformers 5 saves)
 * or {@code preprocessor_config.json} (as published). Absent keys have the defaults of {@code Qwen2VLImageProcessor} of
 * transformers.
 */
public final class VisionPreprocessorConfig {
    private static final int MINIMUM_PIXELS = 56 * 56;
    private static final int MAXIMUM_PIXELS = 28 * 28 * 1280;
    /** OPENAI_CLIP_MEAN and OPENAI_CLIP_STD of transformers. */
    private static final double[] MEAN = {0.48145466, 0.4578275, 0.40821073};
    private static final double[] DEVIATION = {0.26862954, 0.26130258, 0.27577711};
    private static final int CHANNELS = 3;
    private static final List<String> PROCESSORS = List.of("Qwen2VLImageProcessor", "Qwen2VLImageProcessorFast",
            "Qwen2VLImageProcessorPil", "Qwen2_5_VLImageProcessor", "Qwen3VLImageProcessor",
            "Qwen3VLImageProcessorFast");

    private VisionPreprocessorConfig() {
    }

    /**
     * Reads the configuration of a model folder.
     *
     * @throws WeightException if it has none, or one that asks for what is not computed
     */
    public static PatchLayout read(final Path folder) {
        final Path processor = folder.resolve("processor_config.json");
        if (Files.isRegularFile(processor)) {
            final ConfigFile config = ConfigFile.read(processor);
            if (config.has("image_processor")) {
                return layout(config.sub("image_processor"));
            }
        }
        final Path preprocessor = folder.resolve("preprocessor_config.json");
        if (!Files.isRegularFile(preprocessor)) {
            throw new WeightException(folder + " has no preprocessor_config.json, which says how pictures are prepared;"
                    + " download the model folder again");
        }
        return layout(ConfigFile.read(preprocessor));
    }

    /**
     * Reads the configuration of an image processor.
     *
     * @throws WeightException if a value is damaged or asks for what is not computed
     */
    public static PatchLayout layout(final ConfigFile config) {
        config.choiceAt("image_processor_type", PROCESSORS.getFirst(), PROCESSORS);
        for (final String step : List.of("do_resize", "do_rescale", "do_normalize")) {
            config.require(step, config.booleanAt(step, true), "true");
        }
        final long minimum = pixels(config, "min_pixels", "shortest_edge", MINIMUM_PIXELS);
        final long maximum = pixels(config, "max_pixels", "longest_edge", MAXIMUM_PIXELS);
        if (minimum > maximum) {
            throw new WeightException(config + ": pictures have at least " + minimum + " and at most " + maximum
                    + " pixels; accepted are numbers in this order. Correct min_pixels and max_pixels");
        }
        return new PatchLayout(config.countAt("patch_size", 14), config.countAt("temporal_patch_size", 2),
                config.countAt("merge_size", 2), minimum, maximum, filter(config),
                config.doubleAt("rescale_factor", 1 / 255.0), channels(config, "image_mean", MEAN),
                deviations(config));
    }

    /** An area: under its own key, or within {@code size} under either name, as folders of all ages have it. */
    private static long pixels(final ConfigFile config, final String key, final String edge, final int otherwise) {
        if (config.has(key)) {
            return positive(config, key);
        }
        if (config.has("size")) {
            final ConfigFile size = config.sub("size");
            return positive(size, size.has(edge) || !size.has(key) ? edge : key);
        }
        return otherwise;
    }

    private static int positive(final ConfigFile config, final String key) {
        final int pixels = config.intAt(key);
        config.require(key, pixels > 0, "a positive number of pixels");
        return pixels;
    }

    /** Codes of {@code PIL.Image.Resampling}. */
    private static ResampleFilter filter(final ConfigFile config) {
        return switch (config.intAt("resample", 3)) {
            case 1 -> ResampleFilter.LANCZOS;
            case 2 -> ResampleFilter.BILINEAR;
            case 3 -> ResampleFilter.BICUBIC;
            default -> throw config.refusal("resample", "1 (Lanczos), 2 (bilinear) or 3 (bicubic)");
        };
    }

    private static List<Double> deviations(final ConfigFile config) {
        final List<Double> deviations = channels(config, "image_std", DEVIATION);
        config.require("image_std", deviations.stream().allMatch(deviation -> deviation > 0), "positive numbers");
        return deviations;
    }

    private static List<Double> channels(final ConfigFile config, final String key, final double... otherwise) {
        final double[] values = config.doublesAt(key, otherwise);
        config.require(key, values.length == CHANNELS, "a list of three numbers");
        return Arrays.stream(values).boxed().toList();
    }
}
