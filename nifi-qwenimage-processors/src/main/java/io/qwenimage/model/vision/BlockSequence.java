package io.qwenimage.model.vision;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.tensor.Tensor;

/** Runs a tower's blocks one after the other; a block's result lives until the next is done. */
public final class BlockSequence {
    /** A block of a tower. */
    @FunctionalInterface
    public interface Block {
        /** [L, D] to [L, D]. */
        Tensor forward(Arena arena, int index, Tensor hidden);
    }

    /** Hears every result while it lives. */
    @FunctionalInterface
    public interface Listener {
        /** Called after block {@code index}. */
        void onBlock(int index, Tensor hidden);
    }

    private BlockSequence() {
    }

    /** Runs {@code count} blocks; the result belongs to the arena. */
    public static Tensor run(final Arena arena, final int count, final Tensor x, final Block block,
            final Listener listener, final Cancellation cancellation) {
        Arena current = null;
        Tensor hidden = x;
        for (int i = 0; i < count; i++) {
            cancellation.check();
            final Arena next = arena.open("patches after block " + i);
            try (Arena scratch = next.open("vision block " + i)) {
                hidden = scratch.keep(block.forward(scratch, i, hidden));
            }
            if (current != null) {
                current.close();
            }
            current = next;
            listener.onBlock(i, hidden);
        }
        return current == null ? hidden : current.keep(hidden);
    }
}
