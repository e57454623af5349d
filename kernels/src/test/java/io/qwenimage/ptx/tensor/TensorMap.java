package io.qwenimage.ptx.tensor;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * What the 128 bytes of a tensor map say: where a tensor lies in global memory and which box of it one copy moves. The
 * encoding is this machine's own, as it is opaque on a device; all bytes zero are a map whose fields are still to be
 * replaced. Axes are counted from the innermost, which is contiguous.
 *
 * @param address of element 0, a generic address
 * @param element type of the elements
 * @param dimensions elements along each axis
 * @param strides bytes from one to the next along axes 1, 2, ...; one fewer than dimensions
 * @param box elements that one copy spans along each axis
 * @param elementStrides every how many of them is copied, along each axis; the innermost one's has no effect
 * @param swizzle how shared memory is permuted
 * @param fillsNotANumber whether floating-point elements outside the tensor come as NaN and not as zero
 */
public record TensorMap(long address, TensorElement element, long[] dimensions, long[] strides, int[] box,
                        int[] elementStrides, Swizzle swizzle, boolean fillsNotANumber) {
    /** Size of an encoded map. */
    public static final int BYTES = 128;
    /** What the address of an encoded map must be a multiple of. */
    public static final int ALIGNMENT = 64;
    static final int MAXIMUM_RANK = 5;

    private static final int ADDRESS = 0;
    private static final int ELEMENT = 8;
    private static final int RANK = 9;
    private static final int INTERLEAVE = 10;
    private static final int SWIZZLE = 11;
    private static final int FILL = 12;
    private static final int DIMENSIONS = 16;
    private static final int STRIDES = 56;
    private static final int BOX = 88;
    private static final int ELEMENT_STRIDES = 108;

    /**
     * Encodes a map as the driver's {@code cuTensorMapEncodeTiled} does, after checking what that call checks. The
     * numbers of the enumerations are the driver's.
     *
     * @param dataType a {@code CUtensorMapDataType}
     * @param globalAddress a multiple of 16
     * @param dimensions elements along each axis, 1 to 2^32
     * @param strides bytes along axes 1 and up: multiples of 16, less than 2^40
     * @param box elements along each axis, 1 to 256; the innermost takes a multiple of 16 bytes
     * @param elementStrides 1 to 8 along each axis
     * @param interleave a {@code CUtensorMapInterleave}; only NONE is supported
     * @param swizzle a {@code CUtensorMapSwizzle}: none, 32, 64 or 128 bytes
     * @param l2Promotion a {@code CUtensorMapL2promotion}; has no effect here
     * @param outOfBoundsFill a {@code CUtensorMapFloatOOBfill}
     * @throws IllegalArgumentException with the rule that is broken and the value that breaks it
     */
    public static byte[] encodeTiled(final int dataType, final long globalAddress, final long[] dimensions,
                                     final long[] strides, final int[] box, final int[] elementStrides,
                                     final int interleave, final int swizzle, final int l2Promotion,
                                     final int outOfBoundsFill) {
        final int rank = dimensions.length;
        require(rank >= 1 && rank <= MAXIMUM_RANK, "tensor rank", rank, "1 to 5");
        require(strides.length == rank - 1, "number of global strides", strides.length, "one fewer than the rank");
        require(box.length == rank, "number of box dimensions", box.length, "the rank");
        require(elementStrides.length == rank, "number of element strides", elementStrides.length, "the rank");
        require(interleave == 0, "interleave layout", interleave, "0 (none) is supported");
        require(l2Promotion >= 0 && l2Promotion <= 3, "L2 promotion", l2Promotion, "0 to 3");
        require(outOfBoundsFill == 0 || outOfBoundsFill == 1, "out-of-bounds fill", outOfBoundsFill,
            "0 (zeros) or 1 (NaN)");
        final TensorMap map = new TensorMap(globalAddress, TensorElement.ofDriver(dataType), dimensions.clone(),
            strides.clone(), box.clone(), elementStrides.clone(), Swizzle.ofTensorMap(swizzle), outOfBoundsFill == 1);
        map.validate();
        return map.encode();
    }

    /** Reads an encoded map and checks it whole, as a copy that uses it does. */
    public static TensorMap decode(final byte[] encoded, final int offset) {
        final ByteBuffer bytes = view(encoded, offset);
        final int rank = bytes.get(RANK) + 1;
        require(rank >= 1 && rank <= MAXIMUM_RANK, "tensor rank", rank, "1 to 5");
        require(bytes.get(INTERLEAVE) == 0, "interleave layout", bytes.get(INTERLEAVE), "0 (none) is supported");
        final long[] dimensions = new long[rank];
        final long[] strides = new long[rank - 1];
        final int[] box = new int[rank];
        final int[] elementStrides = new int[rank];
        for (int axis = 0; axis < rank; axis++) {
            dimensions[axis] = bytes.getLong(DIMENSIONS + Long.BYTES * axis);
            box[axis] = bytes.getInt(BOX + Integer.BYTES * axis);
            elementStrides[axis] = bytes.getInt(ELEMENT_STRIDES + Integer.BYTES * axis);
            if (axis > 0) {
                strides[axis - 1] = bytes.getLong(STRIDES + Long.BYTES * (axis - 1));
            }
        }
        final TensorMap map = new TensorMap(bytes.getLong(ADDRESS), TensorElement.ofCode(bytes.get(ELEMENT)),
            dimensions, strides, box, elementStrides, Swizzle.ofTensorMap(bytes.get(SWIZZLE)), bytes.get(FILL) == 1);
        map.validate();
        return map;
    }

    /**
     * Replaces one field of an encoded map, as {@code tensormap.replace} does. Only the field is checked: the map is
     * checked whole when it is used.
     *
     * @param field the field's modifier, for example {@code global_dim}
     * @param ordinal the axis, for fields that have one for each
     * @param value the new value; the rank is given less one
     */
    public static void replace(final byte[] encoded, final int offset, final String field, final int ordinal,
                               final long value) {
        require(ordinal >= 0 && ordinal < MAXIMUM_RANK, "axis of " + field, ordinal, "0 to 4");
        final ByteBuffer bytes = view(encoded, offset);
        switch (field) {
            case "global_address" -> bytes.putLong(ADDRESS, value);
            case "rank" -> {
                require(value >= 0 && value < MAXIMUM_RANK, "tensor rank less one", value, "0 to 4");
                bytes.put(RANK, (byte) value);
            }
            case "box_dim" -> bytes.putInt(BOX + Integer.BYTES * ordinal, (int) value);
            case "global_dim" -> bytes.putLong(DIMENSIONS + Long.BYTES * ordinal, value & 0xffff_ffffL);
            case "global_stride" -> {
                require(ordinal < MAXIMUM_RANK - 1, "axis of global_stride", ordinal, "0 to 3");
                bytes.putLong(STRIDES + Long.BYTES * ordinal, value);
            }
            case "element_stride" -> bytes.putInt(ELEMENT_STRIDES + Integer.BYTES * ordinal, (int) value);
            case "elemtype" -> bytes.put(ELEMENT, (byte) TensorElement.ofCode((int) value).code());
            case "interleave_layout" -> bytes.put(INTERLEAVE, (byte) value);
            case "swizzle_mode" -> bytes.put(SWIZZLE, (byte) Swizzle.ofTensorMap((int) value).ordinal());
            case "fill_mode" -> bytes.put(FILL, (byte) value);
            default -> throw new IllegalArgumentException("tensormap.replace has no field " + field);
        }
    }

    public int rank() {
        return dimensions.length;
    }

    /** Every how many elements one is copied along the axis; along the innermost the device copies each. */
    public int step(final int axis) {
        return axis == 0 ? 1 : elementStrides[axis];
    }

    /** Elements that a copy moves along the axis: those of the box that the element stride meets. */
    public int copied(final int axis) {
        return (box[axis] + step(axis) - 1) / step(axis);
    }

    /** Bytes between the starts of neighbouring rows in shared memory: a swizzled row takes its whole span. */
    public int pitch() {
        final int width = copied(0) * element.bytes();
        return swizzle == Swizzle.NONE ? width : Math.max(width, swizzle.span());
    }

    /** Rows of a box: the product of its outer axes. */
    public int rows() {
        int rows = 1;
        for (int axis = 1; axis < rank(); axis++) {
            rows *= copied(axis);
        }
        return rows;
    }

    /**
     * The bytes that a copy counts for its mbarrier: those of a whole box, also where it hangs over the tensor's edge.
     */
    public int transactionBytes() {
        return copied(0) * element.bytes() * rows();
    }

    /** Bytes of shared memory from a box's first to behind its last. */
    public int sharedBytes() {
        return pitch() * rows();
    }

    private void validate() {
        require((address & 15) == 0, "global address", "0x" + Long.toHexString(address), "a multiple of 16");
        for (int axis = 0; axis < rank(); axis++) {
            final String of = " of axis " + axis;
            require(dimensions[axis] >= 1 && dimensions[axis] <= 1L << 32, "global dimension" + of, dimensions[axis],
                "1 to 2^32");
            require(box[axis] >= 1 && box[axis] <= 256, "box dimension" + of, box[axis], "1 to 256");
            require(elementStrides[axis] >= 1 && elementStrides[axis] <= 8, "element stride" + of,
                elementStrides[axis], "1 to 8");
            if (axis > 0) {
                final long stride = strides[axis - 1];
                require((stride & 15) == 0 && stride < 1L << 40 && stride >= 0, "global stride" + of, stride,
                    "a multiple of 16 below 2^40");
            }
        }
        final int width = box[0] * element.bytes();
        require((width & 15) == 0, "innermost box dimension in bytes", width, "a multiple of 16");
        require(swizzle == Swizzle.NONE || width <= swizzle.span(), "innermost box dimension in bytes", width,
            "at most the swizzle's " + swizzle.span());
        require(!fillsNotANumber || element.isFloat(), "out-of-bounds fill with NaN of element type", element,
            "a floating-point type");
    }

    private byte[] encode() {
        final byte[] encoded = new byte[BYTES];
        final ByteBuffer bytes = view(encoded, 0);
        bytes.putLong(ADDRESS, address);
        bytes.put(ELEMENT, (byte) element.code());
        bytes.put(RANK, (byte) (rank() - 1));
        bytes.put(SWIZZLE, (byte) swizzle.ordinal());
        bytes.put(FILL, (byte) (fillsNotANumber ? 1 : 0));
        for (int axis = 0; axis < rank(); axis++) {
            bytes.putLong(DIMENSIONS + Long.BYTES * axis, dimensions[axis]);
            bytes.putInt(BOX + Integer.BYTES * axis, box[axis]);
            bytes.putInt(ELEMENT_STRIDES + Integer.BYTES * axis, elementStrides[axis]);
            if (axis > 0) {
                bytes.putLong(STRIDES + Long.BYTES * (axis - 1), strides[axis - 1]);
            }
        }
        return encoded;
    }

    private static ByteBuffer view(final byte[] encoded, final int offset) {
        return ByteBuffer.wrap(encoded, offset, BYTES).slice().order(ByteOrder.LITTLE_ENDIAN);
    }

    private static void require(final boolean holds, final String what, final Object value, final String accepted) {
        if (!holds) {
            throw new IllegalArgumentException("tensor map: " + what + " is " + value + ", accepted: " + accepted);
        }
    }

    @Override
    public boolean equals(final Object other) {
        return other instanceof final TensorMap that && Arrays.equals(encode(), that.encode());
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(encode());
    }

    @Override
    public String toString() {
        return "tensor map of " + element + Arrays.toString(dimensions) + " at 0x" + Long.toHexString(address)
            + ", strides "
            + Arrays.toString(strides) + ", box " + Arrays.toString(box) + ", swizzle " + swizzle;
    }
}
