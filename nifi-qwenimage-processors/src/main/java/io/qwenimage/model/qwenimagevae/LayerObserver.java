package io.qwenimage.model.qwenimagevae;

import io.qwenimage.tensor.Tensor;

/** Hears the picture between layers; for tests and diagnosis. */
@FunctionalInterface
public interface LayerObserver {
    /** Hears nothing. */
    LayerObserver NONE = (name, picture) -> { };

    /**
     * Called after a layer.
     *
     * @param name    path in the checkpoint, below the decoder or encoder
     * @param picture [H, W, C]
     */
    void onLayer(String name, Tensor picture);
}
