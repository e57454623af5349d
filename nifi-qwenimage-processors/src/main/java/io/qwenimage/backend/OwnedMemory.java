package io.qwenimage.backend;

/** Memory of one tensor and its views; belongs to one arena at a time. */
public abstract class OwnedMemory {
    private OwningArena owner;

    /** Refuses memory that has been given back. */
    protected final void requireOpen() {
        if (owner == null) {
            throw new IllegalStateException("a tensor was used after its arena had been closed; keep it in an arena "
                    + "that lives longer");
        }
    }

    /** Gives the memory back to the backend's pool; called once. */
    protected abstract void release();

    /** The arena that will give the memory back, or null if it has done so. */
    final OwningArena owner() {
        return owner;
    }

    /** Hands the memory over, or ends its use with null. */
    final void owner(final OwningArena arena) {
        owner = arena;
    }
}
