package io.qwenimage.image;

/**
 * A picture is at fault: it is damaged, too large, of a kind that is not read, or of a shape that a model does not take.
 * The same bytes fail again. The message names the thing, the value and the remedy.
 */
public final class ImageException extends RuntimeException {
    public ImageException(final String message) {
        super(message);
    }

    public ImageException(final String message, final Throwable cause) {
        super(message, cause);
    }
}
