package io.qwenimage.ptx.cases;

/** A case folder that cannot be run: one line says why. */
final class BrokenCaseException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    BrokenCaseException(final String message) {
        super(message.replace('\n', ' '));
    }
}
