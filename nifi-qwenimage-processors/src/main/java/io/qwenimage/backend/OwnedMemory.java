package io.qwenimage.backend;

import java.util.List;

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

    /**
     * Runs all of them, whatever one of them meets.
     *
     * @throws RuntimeException what the first that failed met, with what others met as suppressed
     */
    protected static void endAll(final List<Runnable> ends) {
        RuntimeException first = null;
        for (final Runnable end : ends) {
            try {
                end.run();
            } catch (final RuntimeException e) {
                if (first == null) {
                    first = e;
                } else {
                    first.addSuppressed(e);
                }
            }
        }
        if (first != null) {
            throw first;
        }
    }

    /** The arena that will give the memory back, or null if it has done so. */
    final OwningArena owner() {
        return owner;
    }

    /** Hands the memory over, or ends its use with null. */
    final void owner(final OwningArena arena) {
        owner = arena;
    }
}
