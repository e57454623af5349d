package io.qwenimage.backend.cpu;

import io.qwenimage.backend.Require;
import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;

/** Arguments as what they must be here; each failure states the actual values. */
final class Operands {
    private Operands() {
    }

    /** A tensor of this kind of backend with plain rows, whatever its type. */
    static CpuTensor own(final Tensor tensor, final String name) {
        Require.that(tensor instanceof CpuTensor, "%s %s is not a plain tensor of a CPU backend", name, tensor);
        return (CpuTensor) tensor;
    }

    /** A tensor of this kind of backend that holds F32. */
    static CpuTensor single(final Tensor tensor, final String name) {
        Require.that(own(tensor, name).dtype() == DType.F32, "%s %s must be F32", name, tensor);
        return (CpuTensor) tensor;
    }

    /** An F32 tensor of the given shape. */
    static CpuTensor shaped(final Tensor tensor, final Shape shape, final String name) {
        final CpuTensor own = single(tensor, name);
        Require.that(own.shape().equals(shape), "%s %s must have shape %s", name, tensor, shape);
        return own;
    }

    /** The same, or null for null. */
    static CpuTensor optional(final Tensor tensor, final Shape shape, final String name) {
        return tensor == null ? null : shaped(tensor, shape, name);
    }
}
