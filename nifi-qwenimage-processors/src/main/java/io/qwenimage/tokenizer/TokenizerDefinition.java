package io.qwenimage.tokenizer;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import io.qwenimage.weights.WeightException;
import java.io.IOException;
import java.io.StringWriter;
import java.util.BitSet;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;

/**
 * A byte-level BPE tokenizer of the Qwen family: all that tells one from another. Whatever form a folder has, this is
 * what is read from it, and the native library sees only what is made from this, since it ends the whole process on
 * some definitions that it does not like.
 *
 * @param origin         where it comes from, for messages
 * @param normalizes     whether texts are brought to Unicode's form NFC
 * @param wordPattern    splits a text into words, as Oniguruma reads it; one of {@link #WORD_PATTERNS}
 * @param addPrefixSpace whether each word that does not begin with a space gets one
 * @param vocabulary     ids of byte sequences, spelled in the 256 letters of byte-level BPE
 * @param merges         pairs of byte sequences in the order in which they are merged
 * @param addedTokens    in the order of their ids
 */
record TokenizerDefinition(String origin, boolean normalizes, String wordPattern, boolean addPrefixSpace,
        Map<String, Integer> vocabulary, List<Merge> merges, List<AddedToken> addedTokens) {
    /** Splits words of Qwen2, Qwen2.5 and Qwen3: {@code PRETOKENIZE_REGEX} in transformers' tokenization_qwen2.py. */
    static final String QWEN2_WORDS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
            + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    /** Splits words of Qwen3.5, where marks belong to letters: tokenization_qwen3_5.py. */
    static final String QWEN35_WORDS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}"
            + "| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    /** Patterns that are known to need no more than one step back per character. */
    static final List<String> WORD_PATTERNS = List.of(QWEN2_WORDS, QWEN35_WORDS);
    /** No vocabulary comes near it. */
    static final int MAXIMUM_ID = 1 << 24;

    private static final JsonFactory JSON = new JsonFactory();

    /** Two byte sequences that become one. */
    record Merge(String left, String right) {
    }

    TokenizerDefinition {
        final BitSet ids = requireVocabulary(origin, vocabulary);
        requireMerges(origin, vocabulary, merges);
        requireAddedTokens(origin, vocabulary, ids, addedTokens);
    }

    /** One more than the highest id. */
    int size() {
        int highest = -1;
        for (final int id : vocabulary.values()) {
            highest = Math.max(highest, id);
        }
        for (final AddedToken token : addedTokens) {
            highest = Math.max(highest, token.id());
        }
        return highest + 1;
    }

    /**
     * The definition in the form of tokenizer.json.
     *
     * @param recognised which added tokens are found in a text
     */
    String toJson(final Predicate<AddedToken> recognised) {
        final StringWriter text = new StringWriter();
        try (JsonGenerator json = JSON.createGenerator(text)) {
            json.writeStartObject();
            json.writeStringField("version", "1.0");
            json.writeNullField("truncation");
            json.writeNullField("padding");
            json.writeArrayFieldStart("added_tokens");
            for (final AddedToken token : addedTokens) {
                if (recognised.test(token)) {
                    write(json, token);
                }
            }
            json.writeEndArray();
            json.writeFieldName("normalizer");
            json.writeRawValue(normalizes ? "{\"type\": \"NFC\"}" : "null");
            writePreTokenizer(json);
            json.writeNullField("post_processor");
            json.writeFieldName("decoder");
            json.writeRawValue("{\"type\": \"ByteLevel\", \"add_prefix_space\": true, \"trim_offsets\": true, "
                    + "\"use_regex\": true}");
            writeModel(json);
            json.writeEndObject();
        } catch (IOException e) {
            throw new IllegalStateException("writing to memory failed", e);
        }
        return text.toString();
    }

    private static void write(final JsonGenerator json, final AddedToken token) throws IOException {
        json.writeStartObject();
        json.writeNumberField("id", token.id());
        json.writeStringField("content", token.content());
        json.writeBooleanField("single_word", token.singleWord());
        json.writeBooleanField("lstrip", token.lstrip());
        json.writeBooleanField("rstrip", token.rstrip());
        json.writeBooleanField("normalized", token.normalized());
        json.writeBooleanField("special", token.special());
        json.writeEndObject();
    }

    private void writePreTokenizer(final JsonGenerator json) throws IOException {
        json.writeObjectFieldStart("pre_tokenizer");
        json.writeStringField("type", "Sequence");
        json.writeArrayFieldStart("pretokenizers");
        json.writeStartObject();
        json.writeStringField("type", "Split");
        json.writeObjectFieldStart("pattern");
        json.writeStringField("Regex", wordPattern);
        json.writeEndObject();
        json.writeStringField("behavior", "Isolated");
        json.writeBooleanField("invert", false);
        json.writeEndObject();
        json.writeStartObject();
        json.writeStringField("type", "ByteLevel");
        json.writeBooleanField("add_prefix_space", addPrefixSpace);
        json.writeBooleanField("trim_offsets", true);
        json.writeBooleanField("use_regex", false);
        json.writeEndObject();
        json.writeEndArray();
        json.writeEndObject();
    }

    private void writeModel(final JsonGenerator json) throws IOException {
        json.writeObjectFieldStart("model");
        json.writeStringField("type", "BPE");
        json.writeNullField("dropout");
        json.writeNullField("unk_token");
        json.writeStringField("continuing_subword_prefix", "");
        json.writeStringField("end_of_word_suffix", "");
        json.writeBooleanField("fuse_unk", false);
        json.writeBooleanField("byte_fallback", false);
        json.writeBooleanField("ignore_merges", false);
        json.writeObjectFieldStart("vocab");
        for (final Map.Entry<String, Integer> entry : vocabulary.entrySet()) {
            json.writeNumberField(entry.getKey(), entry.getValue());
        }
        // The library numbers added tokens from the end of the vocabulary unless it finds them in it, where no merge
        // leads to them: so they keep their ids even if there are gaps.
        for (final AddedToken token : addedTokens) {
            if (!vocabulary.containsKey(token.content())) {
                json.writeNumberField(token.content(), token.id());
            }
        }
        json.writeEndObject();
        json.writeArrayFieldStart("merges");
        for (final Merge merge : merges) {
            json.writeStartArray();
            json.writeString(merge.left());
            json.writeString(merge.right());
            json.writeEndArray();
        }
        json.writeEndArray();
        json.writeEndObject();
    }

    private static BitSet requireVocabulary(final String origin, final Map<String, Integer> vocabulary) {
        final BitSet ids = new BitSet(vocabulary.size());
        for (final Map.Entry<String, Integer> entry : vocabulary.entrySet()) {
            requireId(origin, entry.getKey(), entry.getValue());
            if (ids.get(entry.getValue())) {
                throw refusal(origin, "gives '" + entry.getKey() + "' the id " + entry.getValue()
                        + ", which another token has");
            }
            ids.set(entry.getValue());
        }
        final String missing = ByteLetters.ALL.chars().mapToObj(Character::toString)
                .filter(letter -> !vocabulary.containsKey(letter)).reduce("", String::concat);
        if (!missing.isEmpty()) {
            throw refusal(origin, "has no id for the bytes " + missing + ", so some texts would lose characters");
        }
        return ids;
    }

    private static void requireMerges(final String origin, final Map<String, Integer> vocabulary,
            final List<Merge> merges) {
        for (final Merge merge : merges) {
            if (!vocabulary.containsKey(merge.left()) || !vocabulary.containsKey(merge.right())
                    || !vocabulary.containsKey(merge.left() + merge.right())) {
                throw refusal(origin, "merges '" + merge.left() + "' and '" + merge.right()
                        + "', but the vocabulary lacks one of them or their union");
            }
        }
    }

    private static void requireAddedTokens(final String origin, final Map<String, Integer> vocabulary,
            final BitSet ids, final List<AddedToken> tokens) {
        final Set<String> contents = new HashSet<>();
        for (final AddedToken token : tokens) {
            requireId(origin, token.content(), token.id());
            final Integer other = vocabulary.get(token.content());
            final boolean taken = other == null ? ids.get(token.id()) : other != token.id();
            if (token.content().isEmpty() || taken || !contents.add(token.content())) {
                throw refusal(origin, "adds the token '" + token.content() + "' with the id " + token.id()
                        + ", which does not agree with the vocabulary or another added token");
            }
            ids.set(token.id());
        }
    }

    private static void requireId(final String origin, final String content, final int id) {
        if (id < 0 || id > MAXIMUM_ID) {
            throw refusal(origin, "gives '" + content + "' the id " + id + "; accepted is 0 to " + MAXIMUM_ID);
        }
    }

    private static WeightException refusal(final String origin, final String fault) {
        return new WeightException("tokenizer " + origin + " " + fault
                + ". It is damaged or belongs to another architecture; download it again");
    }
}
