package io.qwenimage.kernels.driver;

import com.sun.jna.Function;
import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import java.util.Arrays;

/**
 * Describes a tensor in device memory to the copy engine of compute capability 9.0 and later (TMA): 128 bytes that the
 * driver encodes and that a kernel takes by value. See {@code cuTensorMapEncodeTiled} in the CUDA driver API.
 */
public final class TensorMap {
    /** Size of a tensor map in bytes. */
    public static final int BYTES = 128;
    /** Kernels take it at a multiple of so many bytes. */
    public static final int ALIGNMENT = 64;
    private static final int MAXIMUM_RANK = 5;
    private static final int ADDRESS_ALIGNMENT = 16;
    private static final int MAXIMUM_BOX = 256;

    private final byte[] bytes;
    private final String description;

    /** How 16-byte pieces of a box are permuted in shared memory, so that columns meet different banks. */
    public enum Swizzle {
        /** As they come. */
        NONE,
        /** Within 32 bytes. */
        BYTES_32,
        /** Within 64 bytes. */
        BYTES_64,
        /** Within 128 bytes. */
        BYTES_128
    }

    /** How much more than asked for is fetched into the L2 cache. */
    public enum L2Promotion {
        /** Nothing. */
        NONE,
        /** 64 bytes. */
        BYTES_64,
        /** 128 bytes. */
        BYTES_128,
        /** 256 bytes. */
        BYTES_256
    }

    private TensorMap(final byte[] bytes, final String description) {
        this.bytes = bytes;
        this.description = description;
    }

    /**
     * A map for copies of boxes; what lies outside of the tensor is read as zero and not written.
     *
     * @param tensor its last axis has stride 1; other strides and the address are multiples of 16 bytes
     * @param box sizes of the box along the tensor's axes, slowest first, each at most 256
     */
    public static TensorMap tiled(final TensorView tensor, final int[] box, final Swizzle swizzle,
                                  final L2Promotion promotion) {
        requireMappable(tensor, box);
        final int rank = tensor.rank();
        final Function encode = DriverLibrary.function("cuTensorMapEncodeTiled");
        try (Memory map = new Memory(BYTES + ALIGNMENT); Memory sizes = new Memory(8L * MAXIMUM_RANK);
             Memory strides = new Memory(8L * MAXIMUM_RANK); Memory boxes = new Memory(4L * MAXIMUM_RANK);
             Memory steps = new Memory(4L * MAXIMUM_RANK)) {
            // The driver counts axes from the fastest, and takes no stride for that one.
            for (int axis = 0; axis < rank; axis++) {
                sizes.setLong(8L * axis, tensor.size(rank - 1 - axis));
                boxes.setInt(4L * axis, box[rank - 1 - axis]);
                steps.setInt(4L * axis, 1);
                if (axis > 0) {
                    strides.setLong(8L * (axis - 1), tensor.stride(rank - 1 - axis) * tensor.type().bytes());
                }
            }
            final Pointer aligned = map.align(ALIGNMENT);
            final int result = encode.invokeInt(new Object[] {aligned, dataType(tensor.type()), rank,
                    new Pointer(tensor.address()), sizes, strides, boxes, steps, 0, swizzle.ordinal(),
                    promotion.ordinal(), 0});
            final String description = "tensor map of " + tensor + ", box " + Arrays.toString(box) + ", swizzle "
                    + swizzle;
            if (result != 0) {
                throw new CudaException("encoding a " + description + ", strides " + Arrays.toString(tensor.strides())
                        + ", address 0x" + Long.toHexString(tensor.address()) + " failed: "
                        + DriverContext.errorName(result), result, DriverContext.errorName(result));
            }
            return new TensorMap(aligned.getByteArray(0, BYTES), description);
        }
    }

    private static void requireMappable(final TensorView tensor, final int[] box) {
        tensor.requireRows("mapped tensor").requireAlignment("mapped tensor", ADDRESS_ALIGNMENT);
        if (tensor.rank() > MAXIMUM_RANK || box.length != tensor.rank()) {
            throw new IllegalArgumentException("box " + Arrays.toString(box) + " for " + tensor
                    + "; both need the same rank of 1 to " + MAXIMUM_RANK);
        }
        if (Arrays.stream(box).anyMatch(size -> size < 1 || size > MAXIMUM_BOX) || tensor.elements() == 0) {
            throw new IllegalArgumentException("box " + Arrays.toString(box) + " for " + tensor
                    + "; sizes of the box are 1 to 256, those of the tensor at least 1");
        }
    }

    /** {@code CUtensorMapDataType}. */
    private static int dataType(final ElementType type) {
        return switch (type) {
            case U8, F8_E4M3, F8_E5M2 -> 0;
            case I32 -> 3;
            case I64 -> 5;
            case F16 -> 6;
            case F32 -> 7;
            case BF16 -> 9;
        };
    }

    byte[] bytes() {
        return bytes;
    }

    @Override
    public String toString() {
        return description;
    }
}
