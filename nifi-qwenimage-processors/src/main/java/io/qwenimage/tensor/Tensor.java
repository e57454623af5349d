package io.qwenimage.tensor;

/**
 * A dense row-major array: a handle that the backend which made it understands. Type, quantisation and device are
 * properties of the tensor, so that a model's forward pass never asks for them.
 */
public interface Tensor {
    /** Extents, outermost first. */
    Shape shape();

    /** Element type. */
    DType dtype();
}
