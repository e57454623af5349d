package io.qwenimage.backend.cuda;

import io.qwenimage.backend.Arena;
import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;

/**
 * An arena over a device's pool. Giving memory back takes effect in the order of the stream, so that it needs no waiting:
 * whatever was launched before has read it by the time that it is written again.
 */
final class CudaArena implements Arena {
    private final CudaBackend backend;
    private final CudaArena parent;
    private final String purpose;
    private final Set<Storage> storages = Collections.newSetFromMap(new IdentityHashMap<>());
    private final List<CudaArena> children = new ArrayList<>();
    private boolean closed;

    /** An arena of a backend, within another one or outermost. */
    CudaArena(final CudaBackend backend, final CudaArena parent, final String purpose) {
        this.backend = backend;
        this.parent = parent;
        this.purpose = purpose;
    }

    @Override
    public CudaArena open(final String innerPurpose) {
        requireOpen();
        final CudaArena child = new CudaArena(backend, this, innerPurpose);
        children.add(child);
        return child;
    }

    @Override
    public CudaTensor allocate(final DType dtype, final Shape shape) {
        return allocate(dtype, shape, false);
    }

    /** The same, counted as weights or as activations. */
    CudaTensor allocate(final DType dtype, final Shape shape, final boolean weights) {
        requireOpen();
        final long bytes = Math.multiplyExact(shape.elements(), dtype.bytes());
        final Storage storage = new Storage(backend.memoryFor(bytes, weights, purpose), weights, this);
        storages.add(storage);
        return new CudaTensor(shape, dtype, storage, 0);
    }

    @Override
    public <T extends Tensor> T keep(final T tensor) {
        requireOpen();
        if (parent == null) {
            throw new IllegalStateException("arena \"" + purpose + "\" is an outermost one, nobody can take a tensor");
        }
        final Storage storage = Operands.storageOf(tensor);
        if (storage.owner() != this) {
            throw new IllegalArgumentException("tensor " + tensor + " does not belong to arena \"" + purpose + "\"");
        }
        storages.remove(storage);
        parent.adopt(storage);
        return tensor;
    }

    /** Under the backend's lock, because a backend that is given up closes the arenas of others. */
    @Override
    public void close() {
        synchronized (backend) {
            if (!closed) {
                giveEverythingBack();
            }
        }
    }

    private void giveEverythingBack() {
        closed = true;
        for (final CudaArena child : List.copyOf(children)) {
            child.close();
        }
        for (final Storage storage : storages) {
            storage.owner(null);
            backend.giveBack(storage);
        }
        storages.clear();
        if (parent == null) {
            backend.forget(this);
        } else {
            parent.children.remove(this);
        }
    }

    /** Whether a backend may allocate here. */
    boolean belongsTo(final CudaBackend other) {
        return backend == other;
    }

    private void adopt(final Storage storage) {
        requireOpen();
        storage.owner(this);
        storages.add(storage);
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("arena \"" + purpose + "\" is closed");
        }
    }

    @Override
    public String toString() {
        return "arena \"" + purpose + "\"";
    }
}
