package io.qwenimage.weights;

import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import java.util.Set;

/** Named tensors, wherever they come from: one safetensors file, a sharded checkpoint, an index without data. */
public interface WeightSource extends AutoCloseable {
    /** What is known of a tensor without touching its data. */
    record Info(DType dtype, Shape shape) {
    }

    /** All names, in the order of the source. */
    Set<String> names();

    /**
     * Type and shape of a tensor.
     *
     * @throws WeightException if there is no tensor of that name
     */
    Info info(String name);

    /**
     * A tensor's data, valid while this source is open.
     *
     * @throws WeightException if there is no tensor of that name or its data cannot be read
     */
    HostTensor tensor(String name);

    /** Where the tensors come from, for messages. */
    String origin();

    @Override
    void close();
}
