package io.qwenimage.backend.cpu;

import io.qwenimage.backend.Arena;
import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;

/** An arena over the blocks of a {@link BlockPool}. */
final class CpuArena implements Arena {
    private final CpuBackend backend;
    private final CpuArena parent;
    private final String purpose;
    private final Set<Storage> storages = Collections.newSetFromMap(new IdentityHashMap<>());
    private final List<CpuArena> children = new ArrayList<>();
    private boolean closed;

    /** An arena of a backend, within another one or outermost. */
    CpuArena(final CpuBackend backend, final CpuArena parent, final String purpose) {
        this.backend = backend;
        this.parent = parent;
        this.purpose = purpose;
    }

    @Override
    public CpuArena open(final String innerPurpose) {
        requireOpen();
        final CpuArena child = new CpuArena(backend, this, innerPurpose);
        children.add(child);
        return child;
    }

    @Override
    public CpuTensor allocate(final DType dtype, final Shape shape) {
        final long bytes = Math.multiplyExact(shape.elements(), dtype.bytes());
        return new CpuTensor(shape, dtype, storage(bytes, false), 0);
    }

    @Override
    public <T extends Tensor> T keep(final T tensor) {
        requireOpen();
        if (parent == null) {
            throw new IllegalStateException("arena \"" + purpose + "\" is an outermost one, nobody can take a tensor");
        }
        final Storage storage = CpuBackend.storageOf(tensor);
        if (storage.owner() != this) {
            throw new IllegalArgumentException("tensor " + tensor + " does not belong to arena \"" + purpose + "\"");
        }
        storages.remove(storage);
        parent.adopt(storage);
        return tensor;
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        for (final CpuArena child : List.copyOf(children)) {
            child.close();
        }
        for (final Storage storage : storages) {
            storage.owner(null);
            backend.pool().release(storage.block());
        }
        storages.clear();
        if (parent == null) {
            backend.forget(this);
        } else {
            parent.children.remove(this);
        }
    }

    /** Whether a backend may allocate here. */
    boolean belongsTo(final CpuBackend other) {
        return backend == other;
    }

    /** Memory that lives as long as this arena. */
    Storage storage(final long bytes, final boolean weights) {
        requireOpen();
        final Storage storage = new Storage(backend.pool().allocate(bytes, weights, purpose), this);
        storages.add(storage);
        return storage;
    }

    /** Gives memory back early. */
    void release(final Storage storage) {
        if (storages.remove(storage)) {
            storage.owner(null);
            backend.pool().release(storage.block());
        }
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
