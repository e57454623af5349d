package io.qwenimage.weights;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.Shape;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The header of a safetensors file, validated as the reference library does: a length of at most 100 MB, JSON without
 * duplicate keys, known types, sizes that follow from shape and type, and data without overlaps or holes. See
 * https://github.com/huggingface/safetensors#format. Memory is bounded by the length of the header. Immutable.
 */
final class SafetensorsHeader {
    /** Bytes before the header: its length, little endian. */
    static final int LENGTH_BYTES = Long.BYTES;
    /** Longest header that the reference library reads. */
    static final int MAXIMUM_HEADER_BYTES = 100_000_000;
    /** Most tensors in one file; the largest published shards have some thousands. */
    static final int MAXIMUM_TENSORS = 200_000;
    /** Most axes of a tensor; torch itself has 64 at most. */
    static final int MAXIMUM_RANK = 64;

    /** How the pointers of Git LFS begin. */
    private static final String LFS_POINTER = "version ";
    private static final String METADATA = "__metadata__";
    private static final int QUOTED_CHARACTERS = 120;
    private static final JsonFactory JSON = JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
            .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .build();

    /**
     * One tensor of a file.
     *
     * @param begin offset of its first byte behind the header
     * @param end   offset behind its last byte
     */
    record Entry(String name, StoredType type, Shape shape, long begin, long end) {
        long bytes() {
            return end - begin;
        }

        /** The type to compute with; refused if there is none. */
        DType dtype() throws SafetensorsFormatException {
            return type.supported().orElseThrow(() -> new SafetensorsFormatException("tensor " + name
                    + " has the type " + type + "; supported are " + Arrays.toString(DType.values())));
        }
    }

    private final Map<String, Entry> entries;
    private final Map<String, String> metadata;
    private final List<Entry> byOffset;

    private SafetensorsHeader(final Map<String, Entry> entries, final Map<String, String> metadata)
            throws SafetensorsFormatException {
        this.entries = Collections.unmodifiableMap(entries);
        this.metadata = Collections.unmodifiableMap(metadata);
        final List<Entry> sorted = new ArrayList<>(entries.values());
        sorted.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
        this.byOffset = Collections.unmodifiableList(sorted);
        requireContiguous();
    }

    /**
     * The length of the header, from the first {@value #LENGTH_BYTES} bytes.
     *
     * @param available bytes of the whole file; {@link Long#MAX_VALUE} if unknown
     */
    static int length(final byte[] prefix, final long available) throws SafetensorsFormatException {
        if (prefix.length < LENGTH_BYTES) {
            throw new SafetensorsFormatException("it has " + prefix.length + " bytes, fewer than the " + LENGTH_BYTES
                    + " that state the length of the header");
        }
        if (new String(prefix, StandardCharsets.ISO_8859_1).equals(LFS_POINTER)) {
            throw new SafetensorsFormatException("it is the pointer that Git LFS puts in place of a file (git lfs pull "
                    + "fetches the file itself)");
        }
        final long length = ByteBuffer.wrap(prefix).order(ByteOrder.LITTLE_ENDIAN).getLong();
        if (length < 0 || length > MAXIMUM_HEADER_BYTES) {
            throw new SafetensorsFormatException("its header claims " + Long.toUnsignedString(length)
                    + " bytes; at most " + MAXIMUM_HEADER_BYTES + " are accepted, so it is no safetensors file");
        }
        if (length > available - LENGTH_BYTES) {
            throw new SafetensorsFormatException("its header claims " + length + " bytes but only "
                    + (available - LENGTH_BYTES) + " follow, so it is truncated");
        }
        return (int) length;
    }

    /** Parses and validates a header without its length. */
    static SafetensorsHeader parse(final byte[] json) throws SafetensorsFormatException {
        if (json.length == 0 || json[0] != '{') {
            throw new SafetensorsFormatException("its header does not begin with {");
        }
        // A reader of our own, so that the parser neither guesses UTF-16 nor mends malformed UTF-8.
        try (Reader reader = new InputStreamReader(new ByteArrayInputStream(json), StandardCharsets.UTF_8.newDecoder());
                JsonParser parser = JSON.createParser(reader)) {
            return new HeaderParser(parser).parse();
        } catch (JsonProcessingException e) {
            throw new SafetensorsFormatException("its header is not valid JSON: " + e.getOriginalMessage(), e);
        } catch (CharacterCodingException e) {
            throw new SafetensorsFormatException("its header is not UTF-8", e);
        } catch (IOException e) {
            throw new SafetensorsFormatException("its header cannot be read: " + e.getMessage(), e);
        }
    }

    /** Tensors by name, in the order of the header. */
    Map<String, Entry> entries() {
        return entries;
    }

    /** Strings by key. */
    Map<String, String> metadata() {
        return metadata;
    }

    /** Tensors in the order of their data, which has neither overlaps nor holes. */
    List<Entry> byOffset() {
        return byOffset;
    }

    /** Bytes of all tensors together. */
    long dataBytes() {
        return byOffset.isEmpty() ? 0 : byOffset.getLast().end();
    }

    /** Refuses a file that has fewer or more bytes behind its header than the tensors need. */
    void requireDataBytes(final long available) throws SafetensorsFormatException {
        if (available < dataBytes()) {
            final Entry first = byOffset.stream().filter(entry -> entry.end() > available).findFirst().orElseThrow();
            throw new SafetensorsFormatException("it is truncated: its tensors need " + dataBytes()
                    + " bytes behind the header but " + available + " are there, so that tensor " + first.name()
                    + " and what follows are incomplete");
        }
        if (available > dataBytes()) {
            throw new SafetensorsFormatException("it has " + (available - dataBytes())
                    + " bytes behind its last tensor that belong to none");
        }
    }

    private void requireContiguous() throws SafetensorsFormatException {
        long expected = 0;
        String previous = "the header";
        for (final Entry entry : byOffset) {
            if (entry.begin() < expected) {
                throw new SafetensorsFormatException("tensor " + entry.name() + " at data_offsets [" + entry.begin()
                        + ", " + entry.end() + "] overlaps tensor " + previous + ", which ends at " + expected);
            }
            if (entry.begin() > expected) {
                throw new SafetensorsFormatException("tensor " + entry.name() + " begins at " + entry.begin()
                        + " but " + previous + " ends at " + expected + "; the hole between belongs to no tensor");
            }
            expected = entry.end();
            previous = entry.name();
        }
    }

    /** Reads the JSON of one header token by token, so that no tree of it has to fit in memory. */
    private static final class HeaderParser {
        private final JsonParser parser;
        private final Map<String, Entry> entries = new LinkedHashMap<>();
        private final Map<String, String> metadata = new LinkedHashMap<>();

        HeaderParser(final JsonParser parser) {
            this.parser = parser;
        }

        SafetensorsHeader parse() throws IOException, SafetensorsFormatException {
            parser.nextToken();
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                final String name = parser.currentName();
                parser.nextToken();
                if (name.equals(METADATA)) {
                    readMetadata();
                } else {
                    readEntry(name);
                }
            }
            if (parser.nextToken() != null) {
                throw new SafetensorsFormatException("its header goes on behind the closing }");
            }
            return new SafetensorsHeader(entries, metadata);
        }

        private void readMetadata() throws IOException, SafetensorsFormatException {
            if (parser.currentToken() == JsonToken.VALUE_NULL) {
                return;
            }
            require(JsonToken.START_OBJECT, METADATA + " is", "an object of strings");
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                final String key = parser.currentName();
                parser.nextToken();
                require(JsonToken.VALUE_STRING, METADATA + "." + quoted(key) + " is", "a string");
                metadata.put(key, parser.getText());
            }
        }

        private void readEntry(final String name) throws IOException, SafetensorsFormatException {
            final String tensor = "tensor " + quoted(name);
            if (entries.size() == MAXIMUM_TENSORS) {
                throw new SafetensorsFormatException("its header lists more than " + MAXIMUM_TENSORS + " tensors");
            }
            require(JsonToken.START_OBJECT, tensor + " is", "an object with dtype, shape and data_offsets");
            String type = null;
            long[] shape = null;
            long[] offsets = null;
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                final String field = parser.currentName();
                parser.nextToken();
                switch (field) {
                    case "dtype" -> {
                        require(JsonToken.VALUE_STRING, tensor + ": dtype is", "a string");
                        type = parser.getText();
                    }
                    case "shape" -> shape = readNumbers(tensor + ": shape", MAXIMUM_RANK);
                    case "data_offsets" -> offsets = readNumbers(tensor + ": data_offsets", 2);
                    // The reference library ignores what it does not know.
                    default -> parser.skipChildren();
                }
            }
            entries.put(name, entry(name, tensor, type, shape, offsets));
        }

        private static Entry entry(final String name, final String tensor, final String type, final long[] shape,
                final long[] offsets) throws SafetensorsFormatException {
            if (type == null || shape == null || offsets == null || offsets.length != 2) {
                throw new SafetensorsFormatException(tensor + " lacks "
                        + (type == null ? "dtype" : shape == null ? "shape" : "a pair of data_offsets"));
            }
            final StoredType stored = StoredType.of(type).orElseThrow(() -> new SafetensorsFormatException(tensor
                    + " has the unknown dtype " + quoted(type)));
            if (offsets[0] > offsets[1]) {
                throw new SafetensorsFormatException(tensor + ": data_offsets " + Arrays.toString(offsets)
                        + " end before they begin");
            }
            final long bytes = offsets[1] - offsets[0];
            if (bytes != bytesOf(tensor, stored, shape)) {
                throw new SafetensorsFormatException(tensor + ": data_offsets " + Arrays.toString(offsets) + " span "
                        + bytes + " bytes, but shape " + Arrays.toString(shape) + " of " + stored + " has "
                        + bytesOf(tensor, stored, shape));
            }
            return new Entry(name, stored, Shape.of(shape), offsets[0], offsets[1]);
        }

        private static long bytesOf(final String tensor, final StoredType type, final long... shape)
                throws SafetensorsFormatException {
            try {
                final long bits = Math.multiplyExact(Shape.of(shape).elements(), type.bits());
                if (bits % Byte.SIZE != 0) {
                    throw new SafetensorsFormatException(tensor + ": shape " + Arrays.toString(shape) + " of " + type
                            + " does not fill whole bytes");
                }
                return bits / Byte.SIZE;
            } catch (ArithmeticException e) {
                throw new SafetensorsFormatException(tensor + ": shape " + Arrays.toString(shape)
                        + " has more elements than 63 bits count", e);
            }
        }

        private long[] readNumbers(final String field, final int most) throws IOException, SafetensorsFormatException {
            require(JsonToken.START_ARRAY, field + " is", "a list of non-negative integers");
            final long[] numbers = new long[most];
            int count = 0;
            while (parser.nextToken() != JsonToken.END_ARRAY) {
                require(JsonToken.VALUE_NUMBER_INT, field + " holds", "non-negative integers");
                if (count == most) {
                    throw new SafetensorsFormatException(field + " has more than " + most + " elements");
                }
                if (parser.getNumberType() == JsonParser.NumberType.BIG_INTEGER || parser.getLongValue() < 0) {
                    throw new SafetensorsFormatException(field + " holds " + quoted(parser.getText())
                            + "; accepted are integers from 0 to " + Long.MAX_VALUE);
                }
                numbers[count] = parser.getLongValue();
                count++;
            }
            return Arrays.copyOf(numbers, count);
        }

        private void require(final JsonToken token, final String what, final String accepted)
                throws IOException, SafetensorsFormatException {
            if (parser.currentToken() != token) {
                throw new SafetensorsFormatException(what + " " + (parser.currentToken() == null ? "cut off"
                        : quoted(parser.getText())) + " where " + accepted + " must stand");
            }
        }

        private static String quoted(final String text) {
            return text.length() <= QUOTED_CHARACTERS ? text : text.substring(0, QUOTED_CHARACTERS) + "...";
        }
    }
}
