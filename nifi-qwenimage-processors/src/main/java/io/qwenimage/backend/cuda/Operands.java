package io.qwenimage.backend.cuda;

import io.qwenimage.backend.Require;
import io.qwenimage.backend.RotaryTable;
import io.qwenimage.backend.WeightRole;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;

/** Checks of arguments; each failure states the actual values. */
final class Operands {
    private Operands() {
    }

    /** A tensor of this kind of backend with plain rows, whatever its type. */
    static CudaTensor own(final Tensor tensor, final String name) {
        Require.that(tensor instanceof CudaTensor, "%s %s is not a plain tensor of a CUDA backend", name, tensor);
        return (CudaTensor) tensor;
    }

    /** The same with a number of axes, none of them empty. */
    static CudaTensor ranked(final Tensor tensor, final int rank, final String name) {
        final CudaTensor own = own(tensor, name);
        return Require.rank(own, rank, name);
    }

    /** The same with a shape. */
    static CudaTensor shaped(final Tensor tensor, final Shape shape, final String name) {
        final CudaTensor own = own(tensor, name);
        Require.that(own.shape().equals(shape), "%s %s must have shape %s", name, tensor, shape);
        return own;
    }

    /** The same, or null for null. */
    static CudaTensor optional(final Tensor tensor, final Shape shape, final String name) {
        return tensor == null ? null : shaped(tensor, shape, name);
    }

    /** Refuses a table that does not have rows for heads of a size, unless it is null. */
    static void rotary(final RotaryTable rotary, final long length, final long size) {
        if (rotary != null) {
            Require.that(size % 2 == 0, "heads of %s elements cannot be rotated in pairs", size);
            shaped(rotary.cosine(), Shape.of(length, size / 2), "cosine");
            shaped(rotary.sine(), Shape.of(length, size / 2), "sine");
        }
    }

    /** A weight that was prepared for the operation that wants it. */
    static PreparedWeight prepared(final Tensor weight, final WeightRole role) {
        Require.that(weight instanceof PreparedWeight prepared && prepared.role() == role,
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
}
