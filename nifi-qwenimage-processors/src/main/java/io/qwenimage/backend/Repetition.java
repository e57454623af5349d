package io.qwenimage.backend;

import io.qwenimage.tensor.Tensor;

/** Work that is done again and again on tensors of the same shapes, such as a denoising step. */
public interface Repetition extends AutoCloseable {
    /** One round: reads the inputs and makes one tensor in the arena; brings nothing from the host and fetches nothing. */
    @FunctionalInterface
    interface Round {
        /**
         * Does the work.
         *
         * @param arena  the owner of the result
         * @param inputs those of {@link Repetition#run}, or others with the same content
         */
        Tensor run(Arena arena, Tensor... inputs);
    }

    /**
     * Runs one round.
     *
     * @param arena  the owner of the result
     * @param inputs what changes from round to round; everything else that the round reads must outlive the repetition
     */
    Tensor run(Arena arena, Tensor... inputs);

    /** Gives up what was recorded. */
    @Override
    void close();

    /** Runs every round as it comes. */
    static Repetition plain(final Round round) {
        return new Repetition() {
            @Override
            public Tensor run(final Arena arena, final Tensor... inputs) {
                return round.run(arena, inputs);
            }

            @Override
            public void close() {
                // Nothing is kept.
            }
        };
    }
}
