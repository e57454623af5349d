package io.qwenimage.ptx.cases;

import java.util.Arrays;

/**
 * A tensor of a safetensors file.
 *
 * @param type type of its elements
 * @param shape its sizes, outermost first
 * @param bytes its elements, little-endian, the last axis running fastest
 */
record StoredTensor(TensorType type, long[] shape, byte[] bytes) {
    int elements() {
        return bytes.length / type.bytes();
    }

    /** Index of an element along each axis, for messages. */
    String place(final int element) {
        final StringBuilder text = new StringBuilder("]");
        long left = element;
        for (int axis = shape.length - 1; axis >= 0; axis--) {
            text.insert(0, left % shape[axis]);
            left /= shape[axis];
            if (axis > 0) {
                text.insert(0, ", ");
            }
        }
        return text.insert(0, "[").toString();
    }

    /** Type and sizes: {@code BF16[3, 5]}. */
    @Override
    public String toString() {
        return type + Arrays.toString(shape);
    }
}
