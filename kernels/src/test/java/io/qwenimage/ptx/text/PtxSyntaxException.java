package io.qwenimage.ptx.text;

/** PTX text that cannot be read: says what was found, what was expected and in which line. */
public final class PtxSyntaxException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int line;

    public PtxSyntaxException(final int line, final String message) {
        super("PTX line " + line + ": " + message);
        this.line = line;
    }

    public int line() {
        return line;
    }
}
