package io.qwenimage.nifi.processors;

import io.qwenimage.pipeline.DataException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;
import org.apache.nifi.flowfile.FlowFile;
import org.apache.nifi.processor.ProcessSession;
import org.apache.nifi.stream.io.StreamUtils;

/**
 * Reads prompts and refuses those that are none.
 *
 * @param maximumBytes of a prompt in UTF-8
 */
record PromptText(long maximumBytes) {
    private static final String BYTE_ORDER_MARK = "\uFEFF";
    private static final Pattern LAST_LINE_BREAKS = Pattern.compile("[\r\n]+\\z");

    /**
     * The content as a prompt, without the line breaks at its end, which belong to the file rather than to the prompt.
     *
     * @throws DataException if it is too large, empty or not UTF-8
     */
    String ofContent(final ProcessSession session, final FlowFile flowFile) {
        if (flowFile.getSize() > maximumBytes) {
            throw tooLarge("the FlowFile's content", flowFile.getSize());
        }
        final byte[] bytes = new byte[(int) flowFile.getSize()];
        session.read(flowFile, stream -> StreamUtils.fillBuffer(stream, bytes, true));
        String text = decoded(bytes);
        if (text.startsWith(BYTE_ORDER_MARK)) {
            text = text.substring(BYTE_ORDER_MARK.length());
        }
        return notBlank("the FlowFile's content", LAST_LINE_BREAKS.matcher(text).replaceFirst(""));
    }

    /**
     * A property's value as a prompt.
     *
     * @throws DataException if it is too large or empty
     */
    String of(final String property, final String value) {
        final String text = optional(property, value);
        return notBlank("the property " + property, text == null ? "" : text);
    }

    /**
     * A property's value as a prompt that may be missing; null if it is empty. Blanks are a prompt: Qwen-Image's own
     * examples take one blank for a negative prompt that says nothing.
     *
     * @throws DataException if it is too large
     */
    String optional(final String property, final String value) {
        if (value == null || value.isEmpty()) {
            return null;
        }
        final long size = value.getBytes(StandardCharsets.UTF_8).length;
        if (size > maximumBytes) {
            throw tooLarge("the property " + property, size);
        }
        return value;
    }

    private DataException tooLarge(final String thing, final long size) {
        return new DataException(thing + " has " + size + " bytes but Maximum Prompt Size is " + maximumBytes
                + "; shorten the prompt: the model reads some thousand characters");
    }

    private static String notBlank(final String thing, final String text) {
        if (text.isBlank()) {
            throw new DataException(thing + " is empty; it must say what the picture shows");
        }
        return text;
    }

    private static String decoded(final byte[] bytes) {
        final ByteBuffer buffer = ByteBuffer.wrap(bytes);
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(buffer).toString();
        } catch (final CharacterCodingException e) {
            throw new DataException("the FlowFile's content is not UTF-8 text (at byte " + buffer.position()
                    + "); convert it with ConvertCharacterSet", e);
        }
    }
}
