package io.qwenimage.model.vision;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Tensor;
import java.util.List;

/** Turns pictures into vectors that a language model takes in place of tokens. */
public interface VisionTower {
    /**
     * What a tower makes of one picture after the other.
     *
     * @param embeddings [N, D], D being the language model's width; N is the number of patches over the squared
     *                   merge size
     * @param deepstack  features for the language model's first layers, each [N, D]; empty where a model has none
     */
    record Features(Tensor embeddings, List<Tensor> deepstack) {
    }

    /** Hears the hidden states between blocks; for tests and diagnosis. */
    @FunctionalInterface
    interface BlockObserver {
        /** Hears nothing. */
        BlockObserver NONE = (name, hidden) -> { };

        /**
         * Called after a part of the tower.
         *
         * @param name   path below the tower's scope
         * @param hidden [L, D]
         */
        void onBlock(String name, Tensor hidden);
    }

    /**
     * Encodes pictures.
     *
     * @param arena       the owner of the result
     * @param pixelValues [sum of patches, channels time patch patch], in the patch order of transformers' processors
     * @param grids       of the pictures, in order
     */
    Features encode(Arena arena, HostTensor pixelValues, List<VisionGrid> grids, Cancellation cancellation,
            BlockObserver observer);
}
