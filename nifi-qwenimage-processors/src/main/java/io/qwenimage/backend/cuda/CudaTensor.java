package io.qwenimage.backend.cuda;

import io.qwenimage.kernels.driver.TensorView;
import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;

/** A row-major array in device memory, or a view of a part of one. The arena that made it owns the memory. */
final class CudaTensor implements Tensor {
    private final Shape shape;
    private final DType dtype;
    private final Storage storage;
    private final long offset;

    /**
     * Elements somewhere in a storage.
     *
     * @param offset of the first element, in bytes
     */
    CudaTensor(final Shape shape, final DType dtype, final Storage storage, final long offset) {
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

    /** Where the first element is, in bytes from the beginning of the storage. */
    long offset() {
        return offset;
    }

    /**
     * Address of the first element.
     *
     * @throws IllegalStateException if the arena is closed
     */
    long address() {
        return storage.address() + offset;
    }

    /** Bytes of all elements. */
    long bytes() {
        return shape.elements() * dtype.bytes();
    }

    /** A view of contiguous elements. */
    CudaTensor view(final long element, final Shape part) {
        if (element < 0 || element + part.elements() > shape.elements()) {
            throw new IllegalArgumentException("a view of " + part + " at element " + element + " reaches outside of "
                    + this);
        }
        return new CudaTensor(part, dtype, storage, offset + element * dtype.bytes());
    }

    /** The same elements under another shape with as many elements. */
    CudaTensor reshape(final long... extents) {
        return view(0, Shape.of(extents));
    }

    /** What launchers take. */
    TensorView view() {
        return TensorView.of(address(), KernelNames.of(dtype), shape.toArray());
    }

    @Override
    public String toString() {
        return dtype + shape.toString();
    }
}
