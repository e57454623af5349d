package io.qwenimage.backend.cuda;

import io.qwenimage.backend.AttentionPattern;
import io.qwenimage.backend.Padding;
import io.qwenimage.backend.WeightRole;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.Arrays;
import java.util.Locale;

/** Checks of arguments; each failure states the actual values. */
final class Operands {
    private Operands() {
    }

    /** Refuses with a formatted message unless the condition holds. */
    static void require(final boolean condition, final String message, final Object... values) {
        if (!condition) {
            throw new IllegalArgumentException(String.format(Locale.ROOT, message, values));
        }
    }

    /** A tensor of this kind of backend with plain rows, whatever its type. */
    static CudaTensor own(final Tensor tensor, final String name) {
        require(tensor instanceof CudaTensor, "%s %s is not a plain tensor of a CUDA backend", name, tensor);
        return (CudaTensor) tensor;
    }

    /** The same with a number of axes, none of them empty. */
    static CudaTensor ranked(final Tensor tensor, final int rank, final String name) {
        final CudaTensor own = own(tensor, name);
        require(own.shape().rank() == rank && own.shape().elements() > 0, "%s %s must have %s axes and elements", name,
                tensor, rank);
        return own;
    }

    /** The same with a shape. */
    static CudaTensor shaped(final Tensor tensor, final Shape shape, final String name) {
        final CudaTensor own = own(tensor, name);
        require(own.shape().equals(shape), "%s %s must have shape %s", name, tensor, shape);
        return own;
    }

    /** The same, or null for null. */
    static CudaTensor optional(final Tensor tensor, final Shape shape, final String name) {
        return tensor == null ? null : shaped(tensor, shape, name);
    }

    /** A weight that was prepared for the operation that wants it. */
    static PreparedWeight prepared(final Tensor weight, final WeightRole role) {
        require(weight instanceof PreparedWeight prepared && prepared.role() == role,
                "weight %s was not prepared for %s", weight, role);
        return (PreparedWeight) weight;
    }

    /** The memory of a tensor or prepared weight. */
    static Storage storageOf(final Tensor tensor) {
        if (tensor instanceof CudaTensor plain) {
            return plain.storage();
        }
        if (tensor instanceof PreparedWeight weight) {
            return weight.rows().storage();
        }
        throw new IllegalArgumentException("tensor " + tensor + " does not belong to a CUDA backend");
    }

    /** Heads that fit together and offsets that cover queries and keys. */
    static void requireAttention(final CudaTensor q, final CudaTensor k, final AttentionPattern pattern) {
        require(q.shape().extent(2) == k.shape().extent(2) && q.shape().extent(1) % k.shape().extent(1) == 0,
                "heads of q %s and k %s do not fit together", q, k);
        final int[] queries = offsets(pattern.queryOffsets(), q.shape().intExtent(0), "query");
        final int[] keys = offsets(pattern.keyOffsets(), k.shape().intExtent(0), "key");
        require(queries.length == keys.length, "there are %s sequences of queries, but %s of keys", queries.length - 1,
                keys.length - 1);
        for (int i = 0; i + 1 < queries.length; i++) {
            final int available = keys[i + 1] - keys[i];
            final int count = queries[i + 1] - queries[i];
            require(count == 0 || available >= (pattern.causal() ? count : 1),
                    "sequence %s has %s queries, but only %s keys (pattern %s)", i, count, available, pattern);
        }
    }

    /** A kernel that fits the picture and leaves at least one pixel. */
    static void requireConvolution(final CudaTensor x, final PreparedWeight weight, final int stride,
            final Padding padding) {
        require(weight.shape().extent(1) == x.shape().extent(2), "x %s does not fit weight %s", x, weight);
        require(stride == 1 || stride == 2, "stride must be 1 or 2, got %s", stride);
        require(padding.top() >= 0 && padding.bottom() >= 0 && padding.left() >= 0 && padding.right() >= 0
                && x.shape().extent(0) + padding.top() + padding.bottom() >= weight.shape().extent(2)
                && x.shape().extent(1) + padding.left() + padding.right() >= weight.shape().extent(3),
                "x %s with %s is smaller than weight %s", x, padding, weight);
    }

    /** All axes but the outermost. */
    static Shape inner(final Tensor tensor) {
        final long[] extents = tensor.shape().toArray();
        return Shape.of(Arrays.copyOfRange(extents, 1, extents.length));
    }

    private static int[] offsets(final int[] given, final int length, final String name) {
        if (given == null) {
            return new int[] {0, length};
        }
        require(given.length >= 2 && given[0] == 0 && given[given.length - 1] == length,
                "%s offsets must run from 0 to %s", name, length);
        for (int i = 0; i + 1 < given.length; i++) {
            require(given[i] <= given[i + 1], "%s offsets must not decrease: %s then %s", name, given[i], given[i + 1]);
        }
        return given;
    }
}
