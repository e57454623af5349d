package io.qwenimage.backend;

import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;

/**
 * How sequences of two streams, such as text and picture, lie in joint attention. In each stream they lie one after the
 * other; in the joint order even sequences have their tokens of the first stream before those of the second, odd ones
 * the other way round, so that the second stream's tokens of two sequences stay together. No token sees another
 * sequence's.
 *
 * @param first  sequence s has the tokens from first[s] to first[s + 1] of the first stream
 * @param second the same for the second stream
 */
public record JointSequences(int[] first, int[] second) {
    /** Checks that both streams hold as many sequences. */
    public JointSequences {
        if (first.length != second.length || first.length < 2) {
            throw new IllegalArgumentException("offsets " + Arrays.toString(first) + " and " + Arrays.toString(second)
                    + " must name as many sequences, at least one");
        }
        first = first.clone();
        second = second.clone();
    }

    /** One sequence. */
    public static JointSequences one(final int firstLength, final int secondLength) {
        return new JointSequences(new int[] {0, firstLength}, new int[] {0, secondLength});
    }

    /** Sequences of this, then those of another. */
    public JointSequences then(final JointSequences other) {
        return new JointSequences(append(first, other.first), append(second, other.second));
    }

    private static int[] append(final int[] offsets, final int[] more) {
        final int[] all = Arrays.copyOf(offsets, offsets.length + more.length - 1);
        for (int s = 1; s < more.length; s++) {
            all[offsets.length - 1 + s] = offsets[offsets.length - 1] + more[s];
        }
        return all;
    }

    @Override
    public int[] first() {
        return first.clone();
    }

    @Override
    public int[] second() {
        return second.clone();
    }

    /** How many sequences there are. */
    public int count() {
        return first.length - 1;
    }

    /** Which keys each query sees. */
    public AttentionPattern pattern() {
        if (count() == 1) {
            return AttentionPattern.FULL;
        }
        final int[] joint = new int[first.length];
        Arrays.setAll(joint, s -> first[s] + second[s]);
        return AttentionPattern.within(joint);
    }

    /**
     * Brings the streams into the joint order.
     *
     * @param ofFirst  [tokens of the first stream, ...]
     * @param ofSecond [tokens of the second stream, ...]
     */
    public Tensor join(final Backend backend, final Arena arena, final Tensor ofFirst, final Tensor ofSecond) {
        final Tensor[] parts = new Tensor[2 * count()];
        for (int s = 0; s < count(); s++) {
            final Tensor one = rows(backend, ofFirst, first[s], first[s + 1] - first[s]);
            final Tensor other = rows(backend, ofSecond, second[s], second[s + 1] - second[s]);
            parts[2 * s] = s % 2 == 0 ? one : other;
            parts[2 * s + 1] = s % 2 == 0 ? other : one;
        }
        return backend.concat(arena, parts);
    }

    /** The first stream's rows of a tensor in the joint order. */
    public Tensor firstOf(final Backend backend, final Arena arena, final Tensor joint) {
        return partOf(backend, arena, joint, 0);
    }

    /** The second stream's rows of a tensor in the joint order. */
    public Tensor secondOf(final Backend backend, final Arena arena, final Tensor joint) {
        return partOf(backend, arena, joint, 1);
    }

    /** Where the second stream's tokens begin in the joint order, if no other lies between them. */
    public OptionalInt secondTogether() {
        final List<int[]> runs = runs(1);
        return runs.size() == 1 ? OptionalInt.of(runs.getFirst()[0]) : OptionalInt.empty();
    }

    private Tensor partOf(final Backend backend, final Arena arena, final Tensor joint, final int stream) {
        final Tensor[] parts = runs(stream).stream().map(run -> rows(backend, joint, run[0], run[1]))
                .toArray(Tensor[]::new);
        return parts.length == 1 ? parts[0] : backend.concat(arena, parts);
    }

    /** First row and length of each run of a stream's tokens in the joint order. */
    private List<int[]> runs(final int stream) {
        final int[] offsets = stream == 0 ? first : second;
        final int[] others = stream == 0 ? second : first;
        final List<int[]> runs = new ArrayList<>();
        for (int s = 0; s < count(); s++) {
            final int before = s % 2 == stream ? 0 : others[s + 1] - others[s];
            final int start = first[s] + second[s] + before;
            final int length = offsets[s + 1] - offsets[s];
            if (!runs.isEmpty() && runs.getLast()[0] + runs.getLast()[1] == start) {
                runs.getLast()[1] += length;
            } else {
                runs.add(new int[] {start, length});
            }
        }
        return runs;
    }

    private static Tensor rows(final Backend backend, final Tensor x, final int start, final int count) {
        final long[] extents = x.shape().toArray();
        final long row = x.shape().elements() / Math.max(1, extents[0]);
        extents[0] = count;
        return backend.slice(x, start * row, Shape.of(extents));
    }

    @Override
    public boolean equals(final Object other) {
        return other instanceof JointSequences sequences && Arrays.equals(first, sequences.first)
                && Arrays.equals(second, sequences.second);
    }

    @Override
    public int hashCode() {
        return 31 * Arrays.hashCode(first) + Arrays.hashCode(second);
    }

    @Override
    public String toString() {
        return "sequences " + Arrays.toString(first) + " and " + Arrays.toString(second);
    }
}
