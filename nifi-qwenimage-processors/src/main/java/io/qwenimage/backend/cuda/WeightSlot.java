package io.qwenimage.backend.cuda;

import io.qwenimage.kernels.driver.CudaEvent;
import io.qwenimage.kernels.driver.DeviceBuffer;
import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.Shape;

/** A place on the device that layers of equal shapes take turns in: the weights of each lie where those of all do. */
final class WeightSlot {
    private static final long ALIGNMENT = 256;

    private final CudaTensor memory;
    private final CudaEvent copied;
    private final CudaEvent released;
    private long placed;

    /**
     * A place.
     *
     * @param memory   [bytes], U8
     * @param copied   marks the end of copies; not closed here
     * @param released marks the end of readers; not closed here
     */
    WeightSlot(final CudaTensor memory, final CudaEvent copied, final CudaEvent released) {
        this.memory = memory;
        this.copied = copied;
        this.released = released;
    }

    /** Marks the end of the last copy into it. */
    CudaEvent copied() {
        return copied;
    }

    /** Marks the end of the work that read what it held last. */
    CudaEvent released() {
        return released;
    }

    DeviceBuffer buffer() {
        return memory.storage().buffer();
    }

    /** Another layer's weights are going to be placed, from the beginning. */
    void clear() {
        placed = 0;
    }

    /** Bytes from the beginning to the end of the last weight. */
    long placedBytes() {
        return placed;
    }

    /** The place of the layer's next weight. */
    CudaTensor place(final DType dtype, final Shape shape) {
        final long offset = Math.ceilDiv(placed, ALIGNMENT) * ALIGNMENT;
        final CudaTensor weight = new CudaTensor(shape, dtype, memory.storage(), offset);
        if (offset + weight.bytes() > memory.bytes()) {
            throw new IllegalStateException("weight " + weight + " does not fit behind " + placed + " bytes of a layer "
                    + "for which " + memory.bytes() + " were planned; layers that are streamed must have equal shapes");
        }
        placed = offset + weight.bytes();
        return weight;
    }
}
