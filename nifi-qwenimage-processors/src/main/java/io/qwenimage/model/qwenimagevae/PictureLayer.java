package io.qwenimage.model.qwenimagevae;

import io.qwenimage.backend.Arena;
import io.qwenimage.tensor.Tensor;

/** A step from picture to picture. */
interface PictureLayer {
    /** [H, W, C] to [H', W', C']. */
    Tensor forward(Arena arena, Tensor x);
}
