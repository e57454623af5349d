package io.qwenimage.backend.cuda;

import io.qwenimage.backend.WeightRole;
import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;

/**
 * A weight in the layout that its role asks for.
 *
 * @param shape as it was given: [out, in] or [out, in, height, width]
 * @param role  what it was prepared for
 * @param rows  the elements in the activation type; a convolution's as [out, height width in], the order of unfolded
 *              windows
 */
record PreparedWeight(Shape shape, WeightRole role, CudaTensor rows) implements Tensor {
    @Override
    public DType dtype() {
        return rows.dtype();
    }

    @Override
    public String toString() {
        return dtype() + shape.toString();
    }
}
