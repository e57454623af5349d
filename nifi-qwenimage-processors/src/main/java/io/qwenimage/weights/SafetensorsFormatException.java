package io.qwenimage.weights;

/**
 * Bytes are not valid safetensors. The message names the tensor or field and its value; whoever knows where the bytes
 * came from adds the source and the remedy.
 */
public final class SafetensorsFormatException extends Exception {
    public SafetensorsFormatException(final String message) {
        super(message);
    }

    public SafetensorsFormatException(final String message, final Throwable cause) {
        super(message, cause);
    }
}
