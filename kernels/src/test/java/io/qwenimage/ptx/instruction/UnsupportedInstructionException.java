package io.qwenimage.ptx.instruction;

/** An opcode, modifier or operand form that the machine does not know: named with its line, never guessed. */
public final class UnsupportedInstructionException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int line;

    public UnsupportedInstructionException(final int line, final String instruction, final String reason) {
        super("PTX line " + line + ": " + reason + " in `" + instruction + "`");
        this.line = line;
    }

    public int line() {
        return line;
    }
}
