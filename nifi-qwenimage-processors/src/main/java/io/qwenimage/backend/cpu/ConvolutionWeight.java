package io.qwenimage.backend.cpu;

import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;

/**
 * A kernel [out, in, kh, kw] as {@link Convolution} wants it.
 *
 * @param dtype   of the elements in memory
 * @param storage who owns the memory
 * @param packed  whether it is in the layout of oneDNN for stride 1, else as stored
 */
record ConvolutionWeight(Shape shape, DType dtype, Storage storage, boolean packed) implements Tensor {
    @Override
    public String toString() {
        return dtype + shape.toString();
    }
}
