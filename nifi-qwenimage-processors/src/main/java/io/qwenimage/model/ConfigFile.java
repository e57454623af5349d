package io.qwenimage.model;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.qwenimage.weights.WeightException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * A config.json, or an object within one, read by key and type. A key whose value is {@code null} counts as absent, as
 * it does in transformers and diffusers. Whatever is missing, of another type, not finite or beyond its range is
 * refused with a {@link WeightException} that names the file, the path of the key, the value and what is accepted.
 * Immutable.
 *
 * <p>Python's {@code NaN} and {@code Infinity} are read, so that a file which has them somewhere stays readable; asking
 * for such a value is refused. A byte order mark is skipped. Duplicate keys are refused.
 */
public final class ConfigFile {
    /** Largest file that is read; published ones have a few kilobytes. */
    public static final int MAXIMUM_BYTES = 16 << 20;
    /** Largest value of {@link #countAt}: no layer, width or vocabulary comes near it. */
    public static final int MAXIMUM_COUNT = 1 << 24;

    private static final int QUOTED_CHARACTERS = 120;
    private static final ObjectReader READER = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
            .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build()
            .readerFor(JsonNode.class);

    private final String origin;
    private final String path;
    private final JsonNode object;

    private ConfigFile(final String origin, final String path, final JsonNode object) {
        this.origin = origin;
        this.path = path;
        this.object = object;
    }

    /**
     * Reads a file.
     *
     * @throws WeightException if it is missing, longer than {@link #MAXIMUM_BYTES}, or not one JSON object
     */
    public static ConfigFile read(final Path file) {
        try (InputStream in = Files.newInputStream(file)) {
            return parse(file.toString(), in.readNBytes(MAXIMUM_BYTES + 1));
        } catch (IOException e) {
            throw new WeightException(file + " cannot be read (" + e + "); download the model folder again", e);
        }
    }

    /**
     * Parses JSON in UTF-8.
     *
     * @param origin where the bytes come from, for messages
     * @throws WeightException if they are more than {@link #MAXIMUM_BYTES} or not one JSON object
     */
    public static ConfigFile parse(final String origin, final byte[] json) {
        if (json.length > MAXIMUM_BYTES) {
            throw new WeightException(origin + " has more than " + MAXIMUM_BYTES
                    + " bytes; this is no configuration. Download the file again");
        }
        final JsonNode root;
        try (JsonParser parser = READER.createParser(json)) {
            root = READER.readValue(parser, JsonNode.class);
        } catch (JsonProcessingException e) {
            throw new WeightException(origin + " is not valid JSON: " + e.getOriginalMessage() + place(e)
                    + ". Download the file again", e);
        } catch (IOException e) {
            throw new WeightException(origin + " is not JSON in UTF-8: " + e.getMessage()
                    + ". Download the file again", e);
        }
        if (root == null || !root.isObject()) {
            throw new WeightException(origin + " holds " + (root == null ? "nothing" : quoted(root))
                    + " where a JSON object is expected. Download the file again");
        }
        return new ConfigFile(origin, "", root);
    }

    /** The file, for messages. */
    public String origin() {
        return origin;
    }

    /** The keys of this object in the order of the file, those with a {@code null} value included. */
    public List<String> keys() {
        final List<String> keys = new ArrayList<>();
        object.fieldNames().forEachRemaining(keys::add);
        return List.copyOf(keys);
    }

    /** Whether a key is there and its value is not {@code null}. */
    public boolean has(final String key) {
        return object.hasNonNull(key);
    }

    /** The object under a key; refused if there is none. */
    public ConfigFile sub(final String key) {
        final JsonNode value = required(key, "an object");
        if (!value.isObject()) {
            throw refusal(key, "an object");
        }
        return new ConfigFile(origin, path + key + ".", value);
    }

    /** Whether the value of a key is an object. */
    public boolean isObject(final String key) {
        return object.path(key).isObject();
    }

    /** Whether the value of a key is a list. */
    public boolean isList(final String key) {
        return object.path(key).isArray();
    }

    /** Whether the value of a key is a list of strings, none of them {@code null}. */
    public boolean isListOfStrings(final String key) {
        for (final JsonNode element : object.path(key)) {
            if (!element.isTextual()) {
                return false;
            }
        }
        return isList(key);
    }

    /** An integer of 32 bits; a number such as 2.0 counts as one. */
    public int intAt(final String key) {
        return toInt(key, required(key, "an integer"));
    }

    /** An integer of 32 bits, or a default if the key is absent. */
    public int intAt(final String key, final int otherwise) {
        return has(key) ? intAt(key) : otherwise;
    }

    /** A size or a number of things: an integer from 1 to {@value #MAXIMUM_COUNT}. */
    public int countAt(final String key) {
        final String accepted = "an integer from 1 to " + MAXIMUM_COUNT;
        final int count = toInt(key, required(key, accepted));
        if (count < 1 || count > MAXIMUM_COUNT) {
            throw refusal(key, accepted);
        }
        return count;
    }

    /** A size or a number of things as {@link #countAt(String)}, or a default if the key is absent. */
    public int countAt(final String key, final int otherwise) {
        return has(key) ? countAt(key) : otherwise;
    }

    /** A finite real number. */
    public double doubleAt(final String key) {
        return toDouble(key, required(key, "a finite number"));
    }

    /** A finite real number, or a default if the key is absent. */
    public double doubleAt(final String key, final double otherwise) {
        return has(key) ? doubleAt(key) : otherwise;
    }

    /** A truth value. */
    public boolean booleanAt(final String key) {
        return toBoolean(key, required(key, "true or false"));
    }

    /** A truth value, or a default if the key is absent. */
    public boolean booleanAt(final String key, final boolean otherwise) {
        return has(key) ? booleanAt(key) : otherwise;
    }

    /** A string. */
    public String stringAt(final String key) {
        return toText(key, required(key, "a string"));
    }

    /** A string, or a default (which may be null) if the key is absent. */
    public String stringAt(final String key, final String otherwise) {
        return has(key) ? stringAt(key) : otherwise;
    }

    /**
     * A string out of those that are supported.
     *
     * @param otherwise the value of an absent key; null if it must be there
     */
    public String choiceAt(final String key, final String otherwise, final List<String> supported) {
        final String choice = otherwise == null ? stringAt(key) : stringAt(key, otherwise);
        if (!supported.contains(choice)) {
            throw refusal(key, "one of " + supported);
        }
        return choice;
    }

    /** A list of integers. */
    public int[] intsAt(final String key) {
        return elements(key, "a list of integers").stream().mapToInt(element -> toInt(key, element)).toArray();
    }

    /** A list of integers, or a default if the key is absent. */
    public int[] intsAt(final String key, final int... otherwise) {
        return has(key) ? intsAt(key) : otherwise.clone();
    }

    /** A list of finite real numbers. */
    public double[] doublesAt(final String key) {
        return elements(key, "a list of finite numbers").stream().mapToDouble(element -> toDouble(key, element))
                .toArray();
    }

    /** A list of finite real numbers, or a default if the key is absent. */
    public double[] doublesAt(final String key, final double... otherwise) {
        return has(key) ? doublesAt(key) : otherwise.clone();
    }

    /** A list of truth values. */
    public List<Boolean> booleansAt(final String key) {
        return elements(key, "a list of true and false").stream().map(element -> toBoolean(key, element)).toList();
    }

    /** A list of truth values, or a default if the key is absent. */
    public List<Boolean> booleansAt(final String key, final List<Boolean> otherwise) {
        return has(key) ? booleansAt(key) : List.copyOf(otherwise);
    }

    /** A list of strings. */
    public List<String> stringsAt(final String key) {
        return elements(key, "a list of strings").stream().map(element -> toText(key, element)).toList();
    }

    /**
     * Refuses a value that has the right type but is not one that the model computes.
     *
     * @param supported whether the value of the key (or its default) is supported
     * @param accepted  what is accepted, in words
     * @throws WeightException if it is not supported; names file, key, value and what is accepted
     */
    public void require(final String key, final boolean supported, final String accepted) {
        if (!supported) {
            throw refusal(key, accepted);
        }
    }

    /** A list of strings, or a default if the key is absent. */
    public List<String> stringsAt(final String key, final List<String> otherwise) {
        return has(key) ? stringsAt(key) : List.copyOf(otherwise);
    }

    /**
     * The exception that refuses the value of a key; for limits that only the caller knows.
     *
     * @param accepted what is accepted instead, for instance "64 or 128"
     */
    public WeightException refusal(final String key, final String accepted) {
        final JsonNode value = object.get(key);
        return new WeightException(origin + ": " + path + key
                + (value == null ? " is missing" : " is " + quoted(value)) + "; accepted is " + accepted
                + ". The file is damaged or belongs to another architecture");
    }

    @Override
    public String toString() {
        return path.isEmpty() ? origin : origin + ": " + path.substring(0, path.length() - 1);
    }

    private JsonNode required(final String key, final String accepted) {
        if (!has(Objects.requireNonNull(key))) {
            throw refusal(key, accepted);
        }
        return object.get(key);
    }

    private List<JsonNode> elements(final String key, final String accepted) {
        final JsonNode value = required(key, accepted);
        if (!value.isArray()) {
            throw refusal(key, accepted);
        }
        final List<JsonNode> elements = new ArrayList<>(value.size());
        value.forEach(elements::add);
        return elements;
    }

    private int toInt(final String key, final JsonNode value) {
        if (value.isIntegralNumber() && value.canConvertToInt()) {
            return value.intValue();
        }
        // Python's tools write 2.0 for an integer that passed through a float.
        if (value.isFloatingPointNumber() && value.doubleValue() == (int) value.doubleValue()) {
            return (int) value.doubleValue();
        }
        throw elementRefusal(key, value, "an integer of 32 bits");
    }

    private double toDouble(final String key, final JsonNode value) {
        if (value.isNumber() && Double.isFinite(value.doubleValue())) {
            return value.doubleValue();
        }
        throw elementRefusal(key, value, "a finite number");
    }

    private boolean toBoolean(final String key, final JsonNode value) {
        if (value.isBoolean()) {
            return value.booleanValue();
        }
        throw elementRefusal(key, value, "true or false");
    }

    private String toText(final String key, final JsonNode value) {
        if (value.isTextual()) {
            return value.textValue();
        }
        throw elementRefusal(key, value, "a string");
    }

    private WeightException elementRefusal(final String key, final JsonNode value, final String accepted) {
        if (value == object.get(key)) {
            return refusal(key, accepted);
        }
        return new WeightException(origin + ": " + path + key + " holds " + quoted(value)
                + "; accepted is a list of which each element is " + accepted
                + ". The file is damaged or belongs to another architecture");
    }

    private static String quoted(final JsonNode value) {
        if (value.isContainerNode() && value.size() > QUOTED_CHARACTERS) {
            return (value.isArray() ? "a list of " : "an object of ") + value.size() + " elements";
        }
        final String text = value.toString();
        return text.length() <= QUOTED_CHARACTERS ? text : text.substring(0, QUOTED_CHARACTERS) + "...";
    }

    private static String place(final JsonProcessingException e) {
        return e.getLocation() == null ? ""
                : " (line " + e.getLocation().getLineNr() + ", column " + e.getLocation().getColumnNr() + ")";
    }
}
