package io.qwenimage.backend.cpu;

import io.qwenimage.backend.OwnedMemory;
import io.qwenimage.backend.OwningArena;
import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;

/** An arena over the blocks of a {@link BlockPool}. */
final class CpuArena extends OwningArena {
    private final CpuBackend backend;

    /** An arena of a backend, within another one or outermost. */
    CpuArena(final CpuBackend backend, final CpuArena parent, final String purpose) {
        super(parent, purpose);
        this.backend = backend;
    }

    @Override
    public CpuArena open(final String innerPurpose) {
        return new CpuArena(backend, this, innerPurpose);
    }

    @Override
    public CpuTensor allocate(final DType dtype, final Shape shape) {
        final long bytes = Math.multiplyExact(shape.elements(), dtype.bytes());
        return new CpuTensor(shape, dtype, storage(bytes, false), 0);
    }

    /** Whether a backend may allocate here. */
    boolean belongsTo(final CpuBackend other) {
        return backend == other;
    }

    /** Memory that lives as long as this arena. */
    Storage storage(final long bytes, final boolean weights) {
        requireOpen();
        return own(new Storage(backend.pool(), backend.pool().allocate(bytes, weights, purpose())));
    }

    @Override
    protected OwnedMemory memoryOf(final Tensor tensor) {
        return CpuBackend.storageOf(tensor);
    }

    @Override
    protected void forgotten() {
        backend.forget(this);
    }
}
