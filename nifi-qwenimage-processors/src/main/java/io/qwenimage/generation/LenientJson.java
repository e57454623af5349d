package io.qwenimage.generation;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.io.JsonEOFException;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.StringReader;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;

/**
 * Finds the JSON in what a model wrote: between fences or in prose, with the slips that models make (trailing commas,
 * single quotes, names without quotes, line breaks in strings), and as far as it goes where it was cut off.
 */
final class LenientJson {
    private static final JsonMapper MAPPER = JsonMapper.builder()
            .enable(JsonReadFeature.ALLOW_TRAILING_COMMA, JsonReadFeature.ALLOW_SINGLE_QUOTES,
                    JsonReadFeature.ALLOW_UNQUOTED_FIELD_NAMES, JsonReadFeature.ALLOW_UNESCAPED_CONTROL_CHARS,
                    JsonReadFeature.ALLOW_BACKSLASH_ESCAPING_ANY_CHARACTER,
                    JsonReadFeature.ALLOW_LEADING_ZEROS_FOR_NUMBERS,
                    JsonReadFeature.ALLOW_LEADING_PLUS_SIGN_FOR_NUMBERS,
                    JsonReadFeature.ALLOW_TRAILING_DECIMAL_POINT_FOR_NUMBERS)
            .build();

    private final List<Found> found = new ArrayList<>();
    private final Set<JsonNode> cut = Collections.newSetFromMap(new IdentityHashMap<>());

    /**
     * A piece of JSON.
     *
     * @param value an object or an array
     * @param whole false if it breaks off
     */
    record Found(JsonNode value, boolean whole) {
    }

    private LenientJson() {
    }

    /** Reads every object and array of a text that stands in no other one; takes time proportional to its length. */
    static LenientJson read(final String text) {
        final LenientJson result = new LenientJson();
        int from = next(text, 0);
        while (from < text.length()) {
            from = next(text, Math.max(from + 1, result.readOne(text, from)));
        }
        return result;
    }

    /** What was found, in the order of the text. */
    List<Found> found() {
        return Collections.unmodifiableList(found);
    }

    /** Whether an object or array breaks off. */
    boolean isCut(final JsonNode node) {
        return cut.contains(node);
    }

    /** Reads what begins at a place; returns where to look further. */
    private int readOne(final String text, final int start) {
        final StringReader reader = new StringReader(text);
        try (JsonParser parser = MAPPER.createParser(reader)) {
            // Skipped rather than cut off: a copy for each bracket would make long answers quadratic.
            reader.skip(start);
            parser.nextToken();
            JsonNode value = null;
            try {
                value = parser.currentToken() == JsonToken.START_OBJECT ? MAPPER.createObjectNode()
                        : MAPPER.createArrayNode();
                fill(parser, value);
                found.add(new Found(value, true));
                return start + (int) parser.currentLocation().getCharOffset();
            } catch (JsonProcessingException e) {
                cut.add(value);
                found.add(new Found(value, false));
                // What offended may begin the next value.
                return start + (int) parser.currentLocation().getCharOffset() - 1;
            }
        } catch (IOException e) {
            return start + 1;
        }
    }

    private void fill(final JsonParser parser, final JsonNode container) throws IOException {
        JsonToken token = parser.nextToken();
        while (token != JsonToken.END_OBJECT && token != JsonToken.END_ARRAY) {
            if (token == null) {
                throw new JsonEOFException(parser, null, "the text ends");
            }
            final String name = token == JsonToken.FIELD_NAME ? parser.currentName() : null;
            final JsonToken start = name == null ? token : parser.nextToken();
            if (start == JsonToken.START_OBJECT || start == JsonToken.START_ARRAY) {
                final JsonNode child = start == JsonToken.START_OBJECT ? MAPPER.createObjectNode()
                        : MAPPER.createArrayNode();
                add(container, name, child);
                cut.add(child);
                fill(parser, child);
                cut.remove(child);
            } else {
                add(container, name, parser.readValueAsTree());
            }
            token = parser.nextToken();
        }
    }

    private static void add(final JsonNode container, final String name, final JsonNode child) {
        if (container instanceof ObjectNode object) {
            object.set(name, child);
        } else {
            ((ArrayNode) container).add(child);
        }
    }

    private static int next(final String text, final int from) {
        int place = from;
        while (place < text.length() && text.charAt(place) != '{' && text.charAt(place) != '[') {
            place++;
        }
        return place;
    }
}
