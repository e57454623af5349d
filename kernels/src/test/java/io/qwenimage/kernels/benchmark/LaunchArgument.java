package io.qwenimage.kernels.benchmark;

import io.qwenimage.ptx.memory.DeviceMemory;
import io.qwenimage.ptx.tensor.TensorMap;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.function.Function;

/** An argument of a launch that is counted: what it refers to is placed in the memory, and its bytes are given. */
record LaunchArgument(Function<DeviceMemory, byte[]> bytes) {
    private static final String NAME = "operand";
    private static final int BF16_OF_THE_DRIVER = 9;
    private static final int SWIZZLE_OF_128_BYTES = 3;

    /** A buffer of so many bytes, all zero. */
    static LaunchArgument buffer(final long size) {
        return pointer(memory -> new byte[Math.toIntExact(size)]);
    }

    /** A buffer of integers. */
    static LaunchArgument integers(final int... values) {
        return pointer(memory -> {
            final ByteBuffer content = allocate(Math.max(1, values.length) * Integer.BYTES);
            content.asIntBuffer().put(values);
            return content.array();
        });
    }

    /** No buffer. */
    static LaunchArgument nothing() {
        return i64(0);
    }

    /** Members one after the other; those that are missing at the end are zero. */
    static LaunchArgument struct(final int size, final LaunchArgument... members) {
        return new LaunchArgument(memory -> {
            final ByteBuffer content = allocate(size);
            for (final LaunchArgument member : members) {
                content.put(member.bytes().apply(memory));
            }
            return content.array();
        });
    }

    static LaunchArgument i32(final int value) {
        return new LaunchArgument(memory -> allocate(Integer.BYTES).putInt(value).array());
    }

    static LaunchArgument i64(final long value) {
        return new LaunchArgument(memory -> allocate(Long.BYTES).putLong(value).array());
    }

    static LaunchArgument f32(final float value) {
        return i32(Float.floatToRawIntBits(value));
    }

    static LaunchArgument f64(final double value) {
        return i64(Double.doubleToRawLongBits(value));
    }

    /**
     * The tensor map of a zero tensor of BF16, swizzled by 128 bytes.
     *
     * @param dimensions elements, the innermost first
     * @param strides    bytes along all but the innermost
     * @param box        elements that a copy moves
     */
    static LaunchArgument tensorMap(final long[] dimensions, final long[] strides, final int[] box) {
        return new LaunchArgument(memory -> {
            final int axis = longest(strides);
            final long address = place(memory, new byte[Math.toIntExact(strides[axis] * dimensions[axis + 1])]);
            final int[] ones = new int[box.length];
            Arrays.fill(ones, 1);
            return TensorMap.encodeTiled(BF16_OF_THE_DRIVER, address, dimensions, strides, box, ones, 0,
                    SWIZZLE_OF_128_BYTES, 0, 0);
        });
    }

    private static int longest(final long[] strides) {
        int longest = 0;
        for (int axis = 1; axis < strides.length; axis++) {
            longest = strides[axis] > strides[longest] ? axis : longest;
        }
        return longest;
    }

    private static LaunchArgument pointer(final Function<DeviceMemory, byte[]> content) {
        return new LaunchArgument(
                memory -> allocate(Long.BYTES).putLong(place(memory, content.apply(memory))).array());
    }

    private static long place(final DeviceMemory memory, final byte[] content) {
        return memory.place(content, DeviceMemory.ALIGNMENT, NAME, false);
    }

    private static ByteBuffer allocate(final int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }
}
