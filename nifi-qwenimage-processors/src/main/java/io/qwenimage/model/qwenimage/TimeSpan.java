package io.qwenimage.model.qwenimage;

import io.qwenimage.tensor.Tensor;

/**
 * Tokens that stand one after the other at the same time.
 *
 * @param rows      how many
 * @param activated silu(temb) of that time, [1, D]
 */
record TimeSpan(long rows, Tensor activated) {
}
