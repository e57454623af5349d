package io.qwenimage.backend;

import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.Arrays;
import java.util.Locale;

/** Checks of arguments that every backend makes; each failure states the actual values. */
public final class Require {
    private Require() {
    }

    /** Refuses with a formatted message unless the condition holds. */
    public static void that(final boolean condition, final String message, final Object... values) {
        if (!condition) {
            throw new IllegalArgumentException(String.format(Locale.ROOT, message, values));
        }
    }

    /** A tensor with the given number of axes, none of them empty. */
    public static <T extends Tensor> T rank(final T tensor, final int rank, final String name) {
        that(tensor.shape().rank() == rank && tensor.shape().elements() > 0, "%s %s must have %s axes and elements",
                name, tensor, rank);
        return tensor;
    }

    /** Heads that fit together and offsets that cover queries and keys. */
    public static void attention(final Tensor q, final Tensor k, final AttentionPattern pattern) {
        that(q.shape().extent(2) == k.shape().extent(2) && q.shape().extent(1) % k.shape().extent(1) == 0,
                "heads of q %s and k %s do not fit together", q, k);
        final int[] queries = offsets(pattern.queryOffsets(), q.shape().intExtent(0), "query");
        final int[] keys = offsets(pattern.keyOffsets(), k.shape().intExtent(0), "key");
        that(queries.length == keys.length, "there are %s sequences of queries, but %s of keys", queries.length - 1,
                keys.length - 1);
        for (int i = 0; i + 1 < queries.length; i++) {
            final int available = keys[i + 1] - keys[i];
            final int count = queries[i + 1] - queries[i];
            that(count == 0 || available >= (pattern.causal() ? count : 1),
                    "sequence %s has %s queries, but only %s keys (pattern %s)", i, count, available, pattern);
        }
    }

    /** A kernel that fits the picture and leaves at least one pixel; returns the shape of the result. */
    public static Shape convolution(final Tensor x, final Tensor weight, final int stride, final Padding padding) {
        that(weight.shape().extent(1) == x.shape().extent(2), "x %s does not fit weight %s", x, weight);
        that(stride == 1 || stride == 2, "stride must be 1 or 2, got %s", stride);
        that(padding.top() >= 0 && padding.bottom() >= 0 && padding.left() >= 0 && padding.right() >= 0
                && x.shape().extent(0) + padding.top() + padding.bottom() >= weight.shape().extent(2)
                && x.shape().extent(1) + padding.left() + padding.right() >= weight.shape().extent(3),
                "x %s with %s is smaller than weight %s", x, padding, weight);
        return Shape.of(
                (x.shape().extent(0) + padding.top() + padding.bottom() - weight.shape().extent(2)) / stride + 1,
                (x.shape().extent(1) + padding.left() + padding.right() - weight.shape().extent(3)) / stride + 1,
                weight.shape().extent(0));
    }

    /** Columns that lie within a matrix of as many rows and of the same type. */
    public static void columns(final Tensor target, final long column, final Tensor columns) {
        rank(target, 2, "target");
        rank(columns, 2, "columns");
        that(target.shape().extent(0) == columns.shape().extent(0) && target.dtype() == columns.dtype() && column >= 0
                && column + columns.shape().extent(1) <= target.shape().extent(1),
                "columns %s do not fit into %s at column %s", columns, target, column);
    }

    /** All axes but the outermost. */
    public static Shape inner(final Tensor tensor) {
        final long[] extents = tensor.shape().toArray();
        return Shape.of(Arrays.copyOfRange(extents, 1, extents.length));
    }

    private static int[] offsets(final int[] given, final int length, final String name) {
        if (given == null) {
            return new int[] {0, length};
        }
        that(given.length >= 2 && given[0] == 0 && given[given.length - 1] == length,
                "%s offsets must run from 0 to %s", name, length);
        for (int i = 0; i + 1 < given.length; i++) {
            that(given[i] <= given[i + 1], "%s offsets must not decrease: %s then %s", name, given[i], given[i + 1]);
        }
        return given;
    }
}
