package io.qwenimage.model.qwenimage;

import io.qwenimage.tensor.Tensor;

/**
 * Tokens that stand one after the other at the same time.
 *
 * @param rows       how many
 * @param modulation what that time gives to the network, see {@link TimeModulations}
 */
record TimeSpan(long rows, Tensor modulation) {
}
