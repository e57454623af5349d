package io.qwenimage.backend.cpu;

import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;

/** A row-major array in native memory, or a view of a part of one. The arena that made it owns the memory. */
final class CpuTensor implements Tensor {
    private final Shape shape;
    private final DType dtype;
    private final Storage storage;
    private final long offset;

    /**
     * Elements somewhere in a storage.
     *
     * @param offset of the first element, in bytes
     */
    CpuTensor(final Shape shape, final DType dtype, final Storage storage, final long offset) {
        this.shape = shape;
        this.dtype = dtype;
        this.storage = storage;
        this.offset = offset;
    }

    @Override
    public Shape shape() {
        return shape;
    }

    @Override
    public DType dtype() {
        return dtype;
    }

    /** Who owns the memory. */
    Storage storage() {
        return storage;
    }

    /**
     * Address of the first element.
     *
     * @throws IllegalStateException if the arena is closed
     */
    long address() {
        return storage.address() + offset;
    }

    /** Address of an element. */
    long address(final long element) {
        return address() + element * dtype.bytes();
    }

    /** A view of contiguous elements. */
    CpuTensor view(final long element, final Shape part) {
        if (element < 0 || element + part.elements() > shape.elements()) {
            throw new IllegalArgumentException("a view of " + part + " at element " + element + " reaches outside of "
                    + this);
        }
        return new CpuTensor(part, dtype, storage, offset + element * dtype.bytes());
    }

    @Override
    public String toString() {
        return dtype + shape.toString();
    }
}
