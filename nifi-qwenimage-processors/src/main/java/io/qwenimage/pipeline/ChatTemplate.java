package io.qwenimage.pipeline;

import io.qwenimage.model.ConfigFile;
import io.qwenimage.tokenizer.Tokenizer;
import io.qwenimage.weights.WeightException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * One turn of a user, pictures first, as the chat templates of the Qwen-VL family put it. The family's templates differ
 * in the system prompt that they add of themselves; a template that does not speak the family's language is refused.
 * What the user wrote is text: control tokens in it are spelled out character by character, as transformers'
 * {@code sanitize_control_tokens} does.
 */
final class ChatTemplate {
    private static final String START = "<|im_start|>";
    private static final String END = "<|im_end|>";
    private static final String PICTURE = "<|vision_start|><|image_pad|><|vision_end|>";
    private static final String DEFAULT_SYSTEM = "You are a helpful assistant.";

    private final String system;

    private ChatTemplate(final String system) {
        this.system = system;
    }

    /** A template that adds the family's default system prompt, for folders that come without a template. */
    static ChatTemplate withDefaultSystem() {
        return new ChatTemplate(DEFAULT_SYSTEM);
    }

    /**
     * Reads a folder's template: chat_template.jinja, chat_template.json, or the key in tokenizer_config.json.
     *
     * @throws WeightException if there is none, or it is not of this family
     */
    static ChatTemplate read(final Path folder) {
        final String template = text(folder);
        if (template == null) {
            throw new WeightException("model folder " + folder + " holds no chat template (chat_template.jinja, "
                    + "chat_template.json or a key in tokenizer_config.json); download the folder again");
        }
        if (!template.contains(START) || !template.contains(PICTURE)) {
            throw new WeightException("the chat template of " + folder + " does not write turns as " + START + " ... "
                    + END + " and pictures as " + PICTURE + "; use a model of the Qwen-VL family");
        }
        return new ChatTemplate(template.contains(DEFAULT_SYSTEM) ? DEFAULT_SYSTEM : null);
    }

    /**
     * The tokens of one turn, up to where the answer begins.
     *
     * @param pictureTokens how many tokens stand for each picture
     * @param markup        special tokens that act as such in the prompt
     */
    int[] tokens(final Tokenizer tokenizer, final int imageToken, final long[] pictureTokens, final String prompt,
            final Set<String> markup) {
        final IntStream.Builder ids = IntStream.builder();
        if (system != null) {
            control(ids, tokenizer, START);
            literal(ids, tokenizer, "system\n" + system, Set.of());
            control(ids, tokenizer, END);
            literal(ids, tokenizer, "\n", Set.of());
        }
        control(ids, tokenizer, START);
        String pending = "user\n";
        for (final long count : pictureTokens) {
            literal(ids, tokenizer, pending, Set.of());
            pending = "";
            control(ids, tokenizer, "<|vision_start|>");
            for (long i = 0; i < count; i++) {
                ids.add(imageToken);
            }
            control(ids, tokenizer, "<|vision_end|>");
        }
        literal(ids, tokenizer, pending + prompt, markup);
        control(ids, tokenizer, END);
        literal(ids, tokenizer, "\n", Set.of());
        control(ids, tokenizer, START);
        literal(ids, tokenizer, "assistant\n", Set.of());
        return ids.build().toArray();
    }

    private static void control(final IntStream.Builder ids, final Tokenizer tokenizer, final String token) {
        ids.add(tokenizer.idOf(token));
    }

    /** Control tokens in a text are words of their own: what stands before and after is split apart from them. */
    static void literal(final IntStream.Builder ids, final Tokenizer tokenizer, final String text,
            final Set<String> markup) {
        for (final String part : parts(text, tokenizer.specialTokens())) {
            if (markup.contains(part)) {
                control(ids, tokenizer, part);
                continue;
            }
            for (final int id : tokenizer.encodeLiterally(part)) {
                ids.add(id);
            }
        }
    }

    private static List<String> parts(final String text, final List<String> controls) {
        final List<String> longestFirst = controls.stream()
                .sorted(Comparator.comparingInt(String::length).reversed()).toList();
        final List<String> parts = new ArrayList<>();
        int start = 0;
        int place = 0;
        while (place < text.length()) {
            final int here = place;
            final String control = longestFirst.stream().filter(token -> text.startsWith(token, here)).findFirst()
                    .orElse(null);
            if (control == null) {
                place++;
                continue;
            }
            if (place > start) {
                parts.add(text.substring(start, place));
            }
            parts.add(control);
            place += control.length();
            start = place;
        }
        if (start < text.length()) {
            parts.add(text.substring(start));
        }
        return parts;
    }

    private static String text(final Path folder) {
        final Path jinja = folder.resolve("chat_template.jinja");
        try {
            if (Files.isRegularFile(jinja)) {
                return Files.readString(jinja);
            }
        } catch (IOException e) {
            throw new WeightException("chat template " + jinja + " cannot be read: " + e.getMessage(), e);
        }
        for (final String name : List.of("chat_template.json", "tokenizer_config.json")) {
            final Path file = folder.resolve(name);
            if (Files.isRegularFile(file)) {
                final ConfigFile config = ConfigFile.read(file);
                if (config.has("chat_template")) {
                    return config.stringAt("chat_template");
                }
            }
        }
        return null;
    }
}
