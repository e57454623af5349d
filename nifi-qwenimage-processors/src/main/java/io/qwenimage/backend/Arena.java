package io.qwenimage.backend;

import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;

/**
 * The owner of tensors that live and die together: one for a loaded component's weights, one per request, one per
 * denoising step, one per block. Closing it gives its memory back to the backend's pool; its tensors are invalid from
 * then on, and using one is refused. An arena belongs to one thread at a time.
 */
public interface Arena extends AutoCloseable {
    /**
     * Opens an arena within this one; closing this one closes it too.
     *
     * @param purpose appears in messages about memory, for instance "transformer block"
     */
    Arena open(String purpose);

    /**
     * An uninitialised tensor.
     *
     * @throws ResourceExhaustedException if the backend's memory budget does not hold it
     */
    Tensor allocate(DType dtype, Shape shape);

    /**
     * Hands a tensor of this arena over to the arena that this one was opened in, so that it outlives this one.
     *
     * @return the same tensor
     */
    <T extends Tensor> T keep(T tensor);

    /** Gives the memory of all tensors of this arena back; a second call does nothing. */
    @Override
    void close();
}
