package io.qwenimage.pipeline;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.qwenimage.backend.Backends;
import io.qwenimage.backend.CudaBackends;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Which goldens' cases run on CUDA too. On the machine that stands in for a GPU a case takes seconds to minutes, so
 * that of each kind a small one stands for the others; {@link CudaCasesTest} fails if a kind has none. On a GPU, and
 * where the property {@code qwenimage.backend} says so, every case runs.
 */
final class CudaCases {
    /** By name; the kinds that they stand for follow from what they are. */
    private static final Set<String> SMALL = Set.of("english-guided", "one-step", "img2img-full-strength",
            "inpaint-guided", "smaller-than-a-patch", "no-picture", "qwen2-one-picture", "qwen2-no-picture",
            "qwen3-one-picture", "qwen3-no-picture");

    /**
     * Kinds whose every case takes minutes, because the reference encodes pictures of a megapixel: what stands for them
     * is held against the CPU, whose cases are held against the reference.
     */
    static final Map<String, Class<?>> HELD_AGAINST_THE_CPU = Map.of("edit of one picture", CudaEditTest.class,
            "edit of several pictures", CudaEditTest.class, "edit with references free of noise", CudaEditTest.class);

    private static final int FEW_TOKENS = 4;
    private static final ObjectMapper JSON = new ObjectMapper();

    private CudaCases() {
    }

    /** What a case runs on. */
    static List<Backends.Named> backends(final Path folder) {
        return backends(folder, List.of(Backends.automatic()));
    }

    /** The same with other backends than the usual one on the CPU. */
    static List<Backends.Named> backends(final Path folder, final List<Backends.Named> onCpu) {
        if (Backends.chosen().isPresent()) {
            return List.of(Backends.chosen().get());
        }
        final Stream<Backends.Named> cuda = CudaBackends.isReal() || isSmall(folder) ? Backends.cuda().stream()
                : Stream.empty();
        return Stream.concat(CudaBackends.isAlone() ? Stream.empty() : onCpu.stream(), cuda).toList();
    }

    /**
     * Fails unless a token is the best of its logits as far as the activations' type tells: of two that lie nearer than
     * it resolves either may lead, and all tokens after it differ.
     */
    static void assertAmongTheBest(final Backends.Named backend, final int token, final float[] logits) {
        double best = Double.NEGATIVE_INFINITY;
        double largest = 0;
        for (final float logit : logits) {
            best = Math.max(best, logit);
            largest = Math.max(largest, Math.abs(logit));
        }
        assertTrue(logits[token] >= best - 2 * backend.rounding() * largest,
                "token " + token + " of logit " + logits[token] + " where " + best + " leads");
    }

    /** How many tokens of an answer are asked for. */
    static int tokens(final Backends.Named backend, final int ofTheCase) {
        return backend.slow() && Backends.chosen().isEmpty() ? Math.min(ofTheCase, FEW_TOKENS) : ofTheCase;
    }

    /** Whether a case stands for its kind. */
    static boolean isSmall(final Path folder) {
        return SMALL.contains(folder.getFileName().toString());
    }

    /** What decides which code a case runs through. */
    static String kindOf(final Path folder) {
        final JsonNode description = read(folder.resolve("case.json"));
        final String kind = description.path("kind").asText("text-to-image");
        final Path model = folder.resolve(description.required("model").asText());
        return switch (kind) {
            case "text-to-image" -> kind + (description.path("negative_prompt").isTextual()
                    && description.required("true_cfg_scale").asDouble() > 1 ? ", guided" : ", not guided");
            case "edit" -> editKind(model);
            case "chat" -> read(model.resolve("config.json")).required("model_type").asText()
                    + (description.path("images").isEmpty() ? " without pictures" : " with pictures");
            default -> kind;
        };
    }

    private static String editKind(final Path model) {
        if (read(model.resolve("transformer/config.json")).path("zero_cond_t").asBoolean()) {
            return "edit with references free of noise";
        }
        return read(model.resolve("model_index.json")).required("_class_name").asText().contains("Plus")
                ? "edit of several pictures" : "edit of one picture";
    }

    private static JsonNode read(final Path file) {
        try {
            return JSON.readTree(file.toFile());
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
