package io.qwenimage.kernels.driver;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/**
 * The arguments of one launch in the order of the kernel's parameters, packed as the driver takes them: each at a
 * multiple of its own size.
 *
 * <p>Where an argument's alignment is a tensor map's or another large one, the driver is given a pointer to each argument
 * instead, and copies it to where the kernel's image wants it: on Hopper GPUs the parameters begin at a multiple of 16
 * bytes and no more, so the image leaves a gap that packing does not know of.
 */
public final class KernelArguments {
    private static final int FIRST_CAPACITY = 256;
    /** What the driver takes at most before compute capability 7.0; our kernels stay far below. */
    private static final int MAXIMUM_BYTES = 4096;
    /** What the beginning of the parameters is a multiple of in the images of every architecture. */
    private static final int CERTAIN_ALIGNMENT = 16;

    private final List<Object> values = new ArrayList<>();
    private final List<Integer> offsets = new ArrayList<>();
    private byte[] packed = new byte[FIRST_CAPACITY];
    private int size;
    private boolean placedByDriver;

    /** A pointer to a tensor's first element. */
    public KernelArguments pointer(final TensorView tensor) {
        return put(tensor, tensor.address());
    }

    /** A pointer to a buffer's beginning. */
    public KernelArguments pointer(final DeviceBuffer buffer) {
        return put(buffer, buffer.address());
    }

    /** A pointer as a number. */
    public KernelArguments pointer(final long address) {
        return put("0x" + Long.toHexString(address), address);
    }

    /** A pointer to a tensor that may be absent: null stays null. */
    public KernelArguments optionalPointer(final TensorView tensor) {
        return tensor == null ? put("null", 0L) : pointer(tensor);
    }

    /** A signed 32-bit integer. */
    public KernelArguments i32(final int value) {
        room(Integer.BYTES, Integer.BYTES).putInt(value);
        values.add(value);
        return this;
    }

    /**
     * A signed 32-bit integer.
     *
     * @throws IllegalArgumentException if the value does not fit
     */
    public KernelArguments i32(final long value) {
        if (value != (int) value) {
            throw new IllegalArgumentException(value + " does not fit the kernel's 32-bit argument " + values.size());
        }
        return i32((int) value);
    }

    /** A signed 64-bit integer. */
    public KernelArguments i64(final long value) {
        return put(value, value);
    }

    /** A single-precision number. */
    public KernelArguments f32(final float value) {
        room(Float.BYTES, Float.BYTES).putFloat(value);
        values.add(value);
        return this;
    }

    /** A tensor map by value: a parameter of type {@code const __grid_constant__ CUtensorMap}. */
    public KernelArguments tensorMap(final TensorMap map) {
        room(TensorMap.BYTES, TensorMap.ALIGNMENT).put(map.bytes());
        values.add(map);
        return this;
    }

    /** A structure by value as it lies in memory. */
    public KernelArguments struct(final byte[] bytes, final int alignment) {
        room(bytes.length, alignment).put(bytes);
        values.add("structure of " + bytes.length + " bytes");
        return this;
    }

    byte[] packed() {
        return packed;
    }

    int size() {
        return size;
    }

    /** Whether only the driver knows where the image wants the arguments. */
    boolean placedByDriver() {
        return placedByDriver;
    }

    /** Where each argument begins among the packed bytes. */
    List<Integer> offsets() {
        return offsets;
    }

    private KernelArguments put(final Object value, final long bits) {
        room(Long.BYTES, Long.BYTES).putLong(bits);
        values.add(value);
        return this;
    }

    private ByteBuffer room(final int bytes, final int alignment) {
        final int offset = Math.ceilDiv(size, alignment) * alignment;
        if (offset + bytes > MAXIMUM_BYTES) {
            throw new IllegalArgumentException("more than " + MAXIMUM_BYTES + " bytes of kernel arguments");
        }
        if (offset + bytes > packed.length) {
            packed = Arrays.copyOf(packed, Math.max(2 * packed.length, offset + bytes));
        }
        size = offset + bytes;
        offsets.add(offset);
        placedByDriver |= alignment > CERTAIN_ALIGNMENT;
        return ByteBuffer.wrap(packed, offset, bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** The values in order; tensors by type and shape. */
    @Override
    public String toString() {
        return values.stream().map(String::valueOf).collect(Collectors.joining(", "));
    }
}
