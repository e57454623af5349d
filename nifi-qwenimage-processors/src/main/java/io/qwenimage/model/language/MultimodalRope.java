package io.qwenimage.model.language;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.RotaryTable;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;

/**
 * Rotary positions on three axes (time, row, column), arXiv 2409.12191 section 2.1: each rotary pair of a head follows
 * one of them.
 *
 * @param sections    how many pairs follow each axis
 * @param interleaved whether axes alternate pair by pair (Qwen3-VL) or follow one another in blocks
 */
public record MultimodalRope(int[] sections, boolean interleaved) {
    private static final int AXES = 3;

    /** Whether every pair of a head has an axis. */
    boolean fits(final int headDim) {
        int pairs = 0;
        for (final int section : sections) {
            if (section < 0) {
                return false;
            }
            pairs += section;
        }
        return sections.length == AXES && pairs == headDim / 2;
    }

    /**
     * Cosines and sines for tokens.
     *
     * @param positions of the tokens
     */
    RotaryTable table(final Backend backend, final Arena arena, final Positions positions, final double theta,
            final int headDim) {
        final int pairs = headDim / 2;
        final int length = positions.length();
        final float[] cosine = new float[length * pairs];
        final float[] sine = new float[length * pairs];
        for (int pair = 0; pair < pairs; pair++) {
            final float frequency = 1f / (float) Math.pow(theta, 2f * pair / headDim);
            final int axis = axis(pair);
            for (int token = 0; token < length; token++) {
                final float angle = positions.at(axis, token) * frequency;
                cosine[token * pairs + pair] = (float) Math.cos(angle);
                sine[token * pairs + pair] = (float) Math.sin(angle);
            }
        }
        final Shape shape = Shape.of(length, pairs);
        return new RotaryTable(backend.uploadExact(arena, HostTensor.ofFloats(shape, cosine)),
                backend.uploadExact(arena, HostTensor.ofFloats(shape, sine)), RotaryTable.Pairs.HALVES);
    }

    /** The axis that a pair follows: {@code recomposition_frequencies} of transformers. */
    private int axis(final int pair) {
        if (interleaved) {
            final int candidate = pair % AXES;
            return candidate != 0 && pair < AXES * sections[candidate] ? candidate : 0;
        }
        return pair < sections[0] ? 0 : pair < sections[0] + sections[1] ? 1 : 2;
    }

    @Override
    public boolean equals(final Object other) {
        return other instanceof MultimodalRope rope && interleaved == rope.interleaved
                && java.util.Arrays.equals(sections, rope.sections);
    }

    @Override
    public int hashCode() {
        return 31 * java.util.Arrays.hashCode(sections) + Boolean.hashCode(interleaved);
    }
}
