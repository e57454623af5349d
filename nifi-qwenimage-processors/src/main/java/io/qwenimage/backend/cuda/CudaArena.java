package io.qwenimage.backend.cuda;

import io.qwenimage.backend.OwnedMemory;
import io.qwenimage.backend.OwningArena;
import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;

/**
 * An arena over a device's pool. Giving memory back takes effect in the order of the stream, so that it needs no
 * waiting: whatever was launched before has read it by the time that it is written again.
 */
final class CudaArena extends OwningArena {
    private final CudaBackend backend;
    private final WeightSlot slot;

    /** An arena of a backend, within another one or outermost. */
    CudaArena(final CudaBackend backend, final CudaArena parent, final String purpose) {
        this(backend, parent, purpose, null);
    }

    private CudaArena(final CudaBackend backend, final CudaArena parent, final String purpose, final WeightSlot slot) {
        super(parent, purpose);
        this.backend = backend;
        this.slot = slot;
    }

    /** An arena within this one whose weights are placed in a slot, which keeps them; the rest is as everywhere. */
    CudaArena openFor(final WeightSlot place, final String innerPurpose) {
        return new CudaArena(backend, this, innerPurpose, place);
    }

    /** What else is to be given back when this arena is closed. */
    void ownToo(final OwnedMemory memory) {
        own(memory);
    }

    @Override
    public CudaArena open(final String innerPurpose) {
        return new CudaArena(backend, this, innerPurpose);
    }

    @Override
    public CudaTensor allocate(final DType dtype, final Shape shape) {
        return allocate(dtype, shape, false);
    }

    /** The same, counted as weights or as activations. */
    CudaTensor allocate(final DType dtype, final Shape shape, final boolean weights) {
        requireOpen();
        if (weights && slot != null) {
            return slot.place(dtype, shape);
        }
        final long bytes = Math.multiplyExact(shape.elements(), dtype.bytes());
        return new CudaTensor(shape, dtype,
                own(new Storage(backend, backend.memoryFor(bytes, weights, purpose()), weights)), 0);
    }

    /** Whether a backend may allocate here. */
    boolean belongsTo(final CudaBackend other) {
        return backend == other;
    }

    @Override
    protected OwnedMemory memoryOf(final Tensor tensor) {
        return Operands.storageOf(tensor);
    }

    @Override
    protected void forgotten() {
        backend.forget(this);
    }
}
