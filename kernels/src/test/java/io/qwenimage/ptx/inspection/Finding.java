package io.qwenimage.ptx.inspection;

/**
 * A fault of a kernel that the inspector found.
 *
 * @param kind what is at fault
 * @param kernel the kernel's name
 * @param line its line in the PTX text, from 1
 * @param instruction the text of that line
 * @param block the block's index: "(x, y, z)"
 * @param thread the thread's index in the block: "(x, y, z)"
 * @param message what happened there
 * @param occurrences how often it happened at this line; the other members tell of the first time
 */
public record Finding(FindingKind kind, String kernel, int line, String instruction, String block, String thread,
                      String message, long occurrences) {
    @Override
    public String toString() {
        return kernel + ", PTX line " + line + " `" + instruction + "`, block " + block + ", thread " + thread + ": "
            + kind + ": " + message + (occurrences > 1 ? " (" + occurrences + " times)" : "");
    }
}
