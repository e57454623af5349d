package io.qwenimage.model.language;

/**
 * Where tokens stand on the three axes of multimodal rotary embedding.
 *
 * @param time   of each token
 * @param row    of each token
 * @param column of each token
 */
public record Positions(int[] time, int[] row, int[] column) {
    /** Text alone: the same position on all axes, counting up. */
    public static Positions text(final int first, final int length) {
        final int[] positions = new int[length];
        for (int i = 0; i < length; i++) {
            positions[i] = first + i;
        }
        return new Positions(positions, positions, positions);
    }

    /** Number of tokens. */
    public int length() {
        return time.length;
    }

    /** The position that text after these tokens begins with. */
    public int next() {
        int largest = -1;
        for (int i = 0; i < time.length; i++) {
            largest = Math.max(largest, Math.max(time[i], Math.max(row[i], column[i])));
        }
        return largest + 1;
    }

    int at(final int axis, final int token) {
        return switch (axis) {
            case 0 -> time[token];
            case 1 -> row[token];
            default -> column[token];
        };
    }
}
