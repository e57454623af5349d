package io.qwenimage.backend.cpu;

import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;

/**
 * A kernel [out, in, kh, kw] as it is stored; {@link Convolution} packs it at each use.
 *
 * @param storage who owns the memory
 */
record ConvolutionWeight(Shape shape, DType dtype, Storage storage) implements Tensor {
    @Override
    public String toString() {
        return dtype + shape.toString();
    }
}
