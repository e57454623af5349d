package io.qwenimage.backend;

import io.qwenimage.tensor.Tensor;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;

/** What arenas of all backends have in common: who owns which memory, and that all of it is given back. */
public abstract class OwningArena implements Arena {
    private final OwningArena parent;
    private final String purpose;
    private final Set<OwnedMemory> memories = Collections.newSetFromMap(new IdentityHashMap<>());
    private final List<OwningArena> children = new ArrayList<>();
    private boolean closed;

    /**
     * An arena within another one or outermost.
     *
     * @param parent null for an outermost one
     */
    protected OwningArena(final OwningArena parent, final String purpose) {
        this.parent = parent;
        this.purpose = purpose;
        if (parent != null) {
            parent.requireOpen();
            parent.children.add(this);
        }
    }

    /** The memory of a tensor of this kind of backend. */
    protected abstract OwnedMemory memoryOf(Tensor tensor);

    /** An outermost arena was closed. */
    protected abstract void forgotten();

    /** What the arena is for, in messages. */
    protected final String purpose() {
        return purpose;
    }

    /** Makes this arena the owner. */
    protected final <M extends OwnedMemory> M own(final M memory) {
        requireOpen();
        memory.owner(this);
        memories.add(memory);
        return memory;
    }

    /** Refuses use after the end. */
    protected final void requireOpen() {
        if (closed) {
            throw new IllegalStateException("arena \"" + purpose + "\" is closed");
        }
    }

    @Override
    public final <T extends Tensor> T keep(final T tensor) {
        requireOpen();
        if (parent == null) {
            throw new IllegalStateException("arena \"" + purpose + "\" is an outermost one, nobody can take a tensor");
        }
        final OwnedMemory memory = memoryOf(tensor);
        if (memory.owner() != this) {
            throw new IllegalArgumentException("tensor " + tensor + " does not belong to arena \"" + purpose + "\"");
        }
        memories.remove(memory);
        parent.own(memory);
        return tensor;
    }

    @Override
    public final void close() {
        if (closed) {
            return;
        }
        closed = true;
        final List<Runnable> ends = new ArrayList<>();
        children.forEach(child -> ends.add(child::close));
        memories.forEach(memory -> ends.add(() -> end(memory)));
        memories.clear();
        ends.add(parent == null ? this::forgotten : () -> parent.children.remove(this));
        OwnedMemory.endAll(ends);
    }

    /** Gives memory back early. */
    public final void release(final OwnedMemory memory) {
        if (memories.remove(memory)) {
            end(memory);
        }
    }

    private static void end(final OwnedMemory memory) {
        memory.owner(null);
        memory.release();
    }

    @Override
    public final String toString() {
        return "arena \"" + purpose + "\"";
    }
}
