package io.qwenimage.tokenizer;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import io.qwenimage.weights.WeightException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads a tokenizer's folder in either of its published forms. Whatever would make the tokenizer differ from the Qwen
 * family's is refused by file, key and value.
 */
final class TokenizerFolder {
    /** Largest file that is read; published ones have up to 20 MB. */
    static final int MAXIMUM_BYTES = 64 << 20;

    private static final int QUOTED_CHARACTERS = 120;
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private final Path folder;

    private TokenizerFolder(final Path folder) {
        this.folder = folder;
    }

    /**
     * Reads a folder.
     *
     * @throws WeightException if files are missing or damaged, or the tokenizer is of another kind
     */
    static TokenizerDefinition read(final Path folder) {
        final TokenizerFolder reader = new TokenizerFolder(folder);
        if (Files.isRegularFile(folder.resolve("tokenizer.json"))) {
            return reader.readSingleFile();
        }
        if (Files.isRegularFile(folder.resolve("vocab.json")) && Files.isRegularFile(folder.resolve("merges.txt"))) {
            return reader.readVocabularyAndMerges();
        }
        throw new WeightException("tokenizer folder " + folder + " holds neither tokenizer.json nor vocab.json with "
                + "merges.txt. Download the tokenizer's folder again");
    }

    /** The form that today's libraries save: everything in tokenizer.json. */
    private TokenizerDefinition readSingleFile() {
        final String file = "tokenizer.json";
        final JsonNode root = object(file);
        final JsonNode model = root.path("model");
        require(file, "model.type", model.path("type"), model.path("type").asText("BPE").equals("BPE"), "BPE");
        require(file, "model.ignore_merges", model.path("ignore_merges"), !model.path("ignore_merges").asBoolean(),
                "false");
        for (final String key : List.of("continuing_subword_prefix", "end_of_word_suffix")) {
            require(file, "model." + key, model.path(key), model.path(key).asText("").isEmpty()
                    || model.path(key).isNull(), "an empty string");
        }
        require(file, "model.dropout", model.path("dropout"), model.path("dropout").asDouble() == 0, "null");
        final JsonNode normalizer = root.path("normalizer");
        final boolean normalizes = !normalizer.isNull() && !normalizer.isMissingNode();
        require(file, "normalizer", normalizer, !normalizes || type(normalizer).equals("NFC"), "null or of type NFC");
        requireByteLevel(file, "decoder", root.path("decoder"));
        requireAddingNothing(file, root.path("post_processor"));
        final JsonNode words = root.path("pre_tokenizer").path("pretokenizers");
        require(file, "pre_tokenizer", root.path("pre_tokenizer"), words.size() == 2
                && type(words.path(0)).equals("Split") && type(words.path(1)).equals("ByteLevel")
                && words.path(0).path("behavior").asText().equals("Isolated")
                && !words.path(0).path("invert").asBoolean() && !words.path(1).path("use_regex").asBoolean(true),
                "a sequence of Split (Isolated) and ByteLevel without a pattern of its own");
        final String pattern = words.path(0).path("pattern").path("Regex").asText();
        require(file, "pre_tokenizer.pretokenizers[0].pattern", words.path(0).path("pattern"),
                TokenizerDefinition.WORD_PATTERNS.contains(pattern), "the pattern of Qwen2 or that of Qwen3.5");
        final Map<String, Integer> vocabulary = vocabulary(file, model.path("vocab"));
        final AddedTokens added = new AddedTokens(vocabulary);
        for (final JsonNode token : root.path("added_tokens")) {
            added.add(addedToken(file, token.path("content"), token.path("id").asInt(-1), token));
        }
        return new TokenizerDefinition(folder.toString(), normalizes, pattern,
                words.path(1).path("add_prefix_space").asBoolean(), vocabulary, merges(file, model.path("merges")),
                completed(added, optional("tokenizer_config.json")));
    }

    /** The form that the models were first published in; what tokenizer.json would say is then fixed by the class. */
    private TokenizerDefinition readVocabularyAndMerges() {
        final JsonNode config = optional("tokenizer_config.json");
        final Map<String, Integer> vocabulary = vocabulary("vocab.json", object("vocab.json"));
        return new TokenizerDefinition(folder.toString(), true, TokenizerDefinition.QWEN2_WORDS,
                config.path("add_prefix_space").asBoolean(), vocabulary, mergesText(),
                completed(new AddedTokens(vocabulary), config));
    }

    /** Adds what the files beside the vocabulary say: tokens with flags, tokens with ids only, names of special ones. */
    private List<AddedToken> completed(final AddedTokens added, final JsonNode config) {
        for (final Map.Entry<String, JsonNode> entry : config.path("added_tokens_decoder").properties()) {
            final int id = entry.getKey().matches("\\d{1,8}") ? Integer.parseInt(entry.getKey()) : -1;
            added.add(addedToken("tokenizer_config.json", entry.getValue().path("content"), id, entry.getValue()));
        }
        final JsonNode specials = optional("special_tokens_map.json");
        final List<String> special = new ArrayList<>();
        for (final JsonNode names : List.of(config, specials)) {
            for (final Map.Entry<String, JsonNode> entry : names.properties()) {
                if (entry.getKey().endsWith("_token") || entry.getKey().endsWith("_special_tokens")) {
                    collectContents(entry.getValue(), special);
                }
            }
        }
        for (final Map.Entry<String, JsonNode> entry : optional("added_tokens.json").properties()) {
            require("added_tokens.json", entry.getKey(), entry.getValue(), entry.getValue().canConvertToInt(), "an id");
            final boolean isSpecial = special.contains(entry.getKey());
            added.add(new AddedToken(entry.getKey(), entry.getValue().intValue(), false, false, false, !isSpecial,
                    isSpecial));
        }
        special.forEach(added::addSpecial);
        return added.inOrder();
    }

    private static void collectContents(final JsonNode value, final List<String> contents) {
        if (value.isTextual()) {
            contents.add(value.textValue());
        } else if (value.path("content").isTextual()) {
            contents.add(value.path("content").textValue());
        } else if (value.isArray() || value.isObject()) {
            value.forEach(element -> collectContents(element, contents));
        }
    }

    private AddedToken addedToken(final String file, final JsonNode content, final int id, final JsonNode flags) {
        require(file, "an added token", flags, content.isTextual() && id >= 0, "an object with content and id");
        return new AddedToken(content.textValue(), id, flags.path("single_word").asBoolean(),
                flags.path("lstrip").asBoolean(), flags.path("rstrip").asBoolean(),
                flags.path("normalized").asBoolean(!flags.path("special").asBoolean()),
                flags.path("special").asBoolean());
    }

    private Map<String, Integer> vocabulary(final String file, final JsonNode object) {
        require(file, "vocab", object, object.isObject() && !object.isEmpty(), "an object of ids");
        final Map<String, Integer> vocabulary = LinkedHashMap.newLinkedHashMap(object.size());
        for (final Map.Entry<String, JsonNode> entry : object.properties()) {
            require(file, "'" + entry.getKey() + "'", entry.getValue(), entry.getValue().canConvertToInt()
                    && entry.getValue().isIntegralNumber(), "an id");
            vocabulary.put(entry.getKey(), entry.getValue().intValue());
        }
        return vocabulary;
    }

    private List<TokenizerDefinition.Merge> merges(final String file, final JsonNode list) {
        require(file, "model.merges", list, list.isArray(), "a list of pairs");
        final List<TokenizerDefinition.Merge> merges = new ArrayList<>(list.size());
        for (final JsonNode merge : list) {
            if (merge.isTextual()) {
                merges.add(merge(file, merge.textValue()));
            } else {
                require(file, "a merge", merge, merge.size() == 2 && merge.path(0).isTextual()
                        && merge.path(1).isTextual(), "a pair of strings");
                merges.add(new TokenizerDefinition.Merge(merge.path(0).textValue(), merge.path(1).textValue()));
            }
        }
        return merges;
    }

    private List<TokenizerDefinition.Merge> mergesText() {
        final String text = new String(bytes("merges.txt"), StandardCharsets.UTF_8);
        final List<TokenizerDefinition.Merge> merges = new ArrayList<>();
        for (final String line : text.lines().toList()) {
            if (!line.startsWith("#version") && !line.isEmpty()) {
                merges.add(merge("merges.txt", line));
            }
        }
        return merges;
    }

    private TokenizerDefinition.Merge merge(final String file, final String line) {
        final int space = line.indexOf(' ');
        require(file, "a merge", JsonNodeFactory.instance.textNode(line),
                space > 0 && space == line.lastIndexOf(' ') && space < line.length() - 1, "two words with a space");
        return new TokenizerDefinition.Merge(line.substring(0, space), line.substring(space + 1));
    }

    private void requireByteLevel(final String file, final String key, final JsonNode value) {
        require(file, key, value, type(value).equals("ByteLevel"), "of type ByteLevel");
    }

    /** Texts get no tokens at their ends in this family. */
    private void requireAddingNothing(final String file, final JsonNode processor) {
        final boolean template = type(processor).equals("TemplateProcessing")
                && processor.path("special_tokens").isEmpty();
        require(file, "post_processor", processor, processor.isNull() || processor.isMissingNode() || template
                || type(processor).equals("ByteLevel"), "null, ByteLevel or a template without special tokens");
    }

    private static String type(final JsonNode value) {
        return value.path("type").asText();
    }

    private JsonNode optional(final String file) {
        return Files.isRegularFile(folder.resolve(file)) ? object(file) : JsonNodeFactory.instance.objectNode();
    }

    private JsonNode object(final String file) {
        final JsonNode root;
        try {
            root = JSON.readTree(bytes(file));
        } catch (JsonProcessingException e) {
            throw new WeightException(folder.resolve(file) + " is not valid JSON: " + e.getOriginalMessage()
                    + ". Download the tokenizer's folder again", e);
        } catch (IOException e) {
            throw unreadable(file, e);
        }
        if (root == null) {
            throw new WeightException(folder.resolve(file) + " is empty. Download the tokenizer's folder again");
        }
        require(file, "the file", root, root.isObject(), "a JSON object");
        return root;
    }

    private byte[] bytes(final String file) {
        try (InputStream in = Files.newInputStream(folder.resolve(file))) {
            final byte[] bytes = in.readNBytes(MAXIMUM_BYTES + 1);
            if (bytes.length > MAXIMUM_BYTES) {
                throw new WeightException(folder.resolve(file) + " has more than " + MAXIMUM_BYTES
                        + " bytes; this is no tokenizer. Download the tokenizer's folder again");
            }
            return bytes;
        } catch (IOException e) {
            throw unreadable(file, e);
        }
    }

    private WeightException unreadable(final String file, final IOException cause) {
        return new WeightException(folder.resolve(file) + " cannot be read (" + cause
                + "); see that this user may read it, or download the tokenizer's folder again", cause);
    }

    private void require(final String file, final String key, final JsonNode value, final boolean holds,
            final String accepted) {
        if (!holds) {
            final String text = value.isMissingNode() ? "missing" : value.toString();
            throw new WeightException(folder.resolve(file) + ": " + key + " is "
                    + text.substring(0, Math.min(QUOTED_CHARACTERS, text.length()))
                    + (text.length() > QUOTED_CHARACTERS ? "..." : "") + "; accepted is " + accepted
                    + ". The file is damaged or belongs to another kind of tokenizer");
        }
    }
}
