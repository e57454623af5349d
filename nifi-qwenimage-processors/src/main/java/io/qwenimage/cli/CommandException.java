package io.qwenimage.cli;

/** A command cannot be done; the message names the thing, the value and the remedy. */
final class CommandException extends RuntimeException {
    private static final long serialVersionUID = 1;

    CommandException(final String message) {
        super(message);
    }

    CommandException(final String message, final Throwable cause) {
        super(message, cause);
    }
}
