package io.qwenimage.backend.cpu;

import io.qwenimage.tensor.DType;
import org.bytedeco.dnnl.memory;

/** Memory layouts in oneDNN's terms. */
final class Layouts {
    private Layouts() {
    }

    /** A matrix with given strides, in elements. */
    static memory.desc strided(final DType dtype, final long rows, final long columns, final long rowStride,
            final long columnStride) {
        return new memory.desc(new long[] {rows, columns}, type(dtype), new long[] {rowStride, columnStride});
    }

    /** An array in whatever layout oneDNN chooses. */
    static memory.desc free(final DType dtype, final long... extents) {
        return new memory.desc(extents, type(dtype), memory.format_tag.any);
    }

    /** A picture of rows of pixels of channels, in oneDNN's axis order [1, C, H, W]. */
    static memory.desc picture(final DType dtype, final long height, final long width, final long channels) {
        return new memory.desc(new long[] {1, channels, height, width}, type(dtype), memory.format_tag.nhwc);
    }

    /** oneDNN's name of an element type. */
    static memory.data_type type(final DType dtype) {
        return switch (dtype) {
            case F32 -> memory.data_type.f32;
            case BF16 -> memory.data_type.bf16;
            case F16 -> memory.data_type.f16;
            case I32 -> memory.data_type.s32;
            case U8 -> memory.data_type.u8;
            case F8_E4M3, I64 -> throw new IllegalArgumentException("oneDNN is not given " + dtype + " here");
        };
    }
}
