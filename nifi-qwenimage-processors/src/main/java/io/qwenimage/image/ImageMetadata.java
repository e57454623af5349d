package io.qwenimage.image;

import java.io.IOException;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * How a picture came to be, as written into its file. Every value may be null, which leaves it out: prompts may be
 * secret.
 *
 * @param prompt            what was asked for
 * @param negativePrompt    what was to be avoided
 * @param seed              of the noise
 * @param steps             number of inference steps
 * @param trueCfgScale      guidance scale
 * @param model             name of the model
 * @param width             in pixels
 * @param height            in pixels
 * @param digitalSourceType an IRI of IPTC's vocabulary, such as {@link #TRAINED_ALGORITHMIC_MEDIA}
 * @param software          name and version of the writing program
 */
public record ImageMetadata(String prompt, String negativePrompt, Long seed, Integer steps, Double trueCfgScale,
        String model, Integer width, Integer height, String digitalSourceType, String software) {
    /** IPTC's digital source type of pictures made by a trained model. */
    public static final String TRAINED_ALGORITHMIC_MEDIA =
            "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";
    /** Nothing is written. */
    public static final ImageMetadata NONE =
            new ImageMetadata(null, null, null, null, null, null, null, null, null, null);

    /**
     * Reads what {@link ImageEncoder} wrote into a PNG, JPEG or WebP file; what is not there is null.
     *
     * @param file the whole file
     * @throws IOException if the file is none of these formats or is damaged
     */
    public static ImageMetadata read(final byte[] file) throws IOException {
        return MetadataReader.read(file);
    }

    /** This metadata with texts of at most so many characters; what is cut says so. */
    ImageMetadata cut(final int characters) {
        return new ImageMetadata(cut(prompt, characters), cut(negativePrompt, characters), seed, steps, trueCfgScale,
                cut(model, characters), width, height, digitalSourceType, cut(software, characters));
    }

    /** Length of the longest text in characters. */
    int longestText() {
        return Stream.of(prompt, negativePrompt, model, software).filter(Objects::nonNull).mapToInt(String::length).max()
                .orElse(0);
    }

    /**
     * All values in the one-text form that many programs for generated pictures read: prompt, a line with the
     * negative prompt, a line of settings. Empty if there is nothing to say.
     */
    String parameters() {
        final StringBuilder text = new StringBuilder();
        if (prompt != null) {
            text.append(prompt);
        }
        if (negativePrompt != null) {
            text.append(text.isEmpty() ? "" : "\n").append("Negative prompt: ").append(negativePrompt);
        }
        final StringBuilder settings = new StringBuilder();
        append(settings, "Steps", steps);
        append(settings, "CFG scale", trueCfgScale);
        append(settings, "Seed", seed);
        append(settings, "Size", width == null || height == null ? null : width + "x" + height);
        append(settings, "Model", model);
        return text.append(text.isEmpty() || settings.isEmpty() ? "" : "\n").append(settings).toString();
    }

    private static void append(final StringBuilder settings, final String name, final Object value) {
        if (value != null) {
            settings.append(settings.isEmpty() ? "" : ", ").append(name).append(": ").append(value);
        }
    }

    private static String cut(final String text, final int characters) {
        if (text == null || text.length() <= characters) {
            return text;
        }
        final int end = characters > 0 && Character.isHighSurrogate(text.charAt(characters - 1)) ? characters - 1
                : characters;
        return text.substring(0, end) + " [cut here: the whole text has " + text.length() + " characters]";
    }
}
