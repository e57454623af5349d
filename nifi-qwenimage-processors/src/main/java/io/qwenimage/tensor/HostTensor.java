package io.qwenimage.tensor;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.List;

/**
 * A tensor in the memory of the host, little endian: what files hold and what goes to and comes from a backend. The
 * bytes may be a view of a mapped file; they stay readable as long as the source that handed the tensor out is open.
 */
public final class HostTensor implements Tensor {
    private final Shape shape;
    private final DType dtype;
    private final ByteBuffer bytes;
    private final List<HostTensor> parts;

    /**
     * A view of existing bytes.
     *
     * @param bytes exactly the elements, from position to limit, little endian; not copied
     * @throws IllegalArgumentException if the number of bytes does not fit shape and type
     */
    public HostTensor(final Shape shape, final DType dtype, final ByteBuffer bytes) {
        final long expected = Math.multiplyExact(shape.elements(), dtype.bytes());
        if (bytes.remaining() != expected) {
            throw new IllegalArgumentException("a tensor " + shape + " of " + dtype + " has " + expected
                    + " bytes, but " + bytes.remaining() + " were given");
        }
        this.shape = shape;
        this.dtype = dtype;
        this.bytes = bytes.slice().order(ByteOrder.LITTLE_ENDIAN);
        parts = List.of(this);
    }

    private HostTensor(final Shape shape, final DType dtype, final List<HostTensor> parts) {
        this.shape = shape;
        this.dtype = dtype;
        this.bytes = null;
        this.parts = List.copyOf(parts);
    }

    /**
     * A tensor of more bytes than one buffer holds.
     *
     * @param parts rows of the outermost axis one after the other, of the same type and inner extents
     * @throws IllegalArgumentException if there are none or they do not fit each other
     */
    public static HostTensor ofParts(final List<HostTensor> parts) {
        if (parts.isEmpty()) {
            throw new IllegalArgumentException("a tensor needs at least one part");
        }
        final HostTensor first = parts.getFirst();
        long rows = 0;
        for (final HostTensor part : parts) {
            final long[] extents = part.shape.toArray();
            rows += extents[0];
            extents[0] = first.shape.extent(0);
            if (part.dtype != first.dtype || !Shape.of(extents).equals(first.shape)) {
                throw new IllegalArgumentException("part " + part + " does not fit part " + first);
            }
        }
        final long[] extents = first.shape.toArray();
        extents[0] = rows;
        return parts.size() == 1 ? first : new HostTensor(Shape.of(extents), first.dtype, parts);
    }

    /** An F32 tensor holding a copy of the values. */
    public static HostTensor ofFloats(final Shape shape, final float... values) {
        final ByteBuffer bytes = ByteBuffer.allocateDirect(Math.multiplyExact(values.length, Float.BYTES))
                .order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(values);
        return new HostTensor(shape, DType.F32, bytes);
    }

    /** An I64 tensor holding a copy of the values. */
    public static HostTensor ofLongs(final Shape shape, final long... values) {
        final ByteBuffer bytes = ByteBuffer.allocateDirect(Math.multiplyExact(values.length, Long.BYTES))
                .order(ByteOrder.LITTLE_ENDIAN);
        bytes.asLongBuffer().put(values);
        return new HostTensor(shape, DType.I64, bytes);
    }

    @Override
    public Shape shape() {
        return shape;
    }

    @Override
    public DType dtype() {
        return dtype;
    }

    /**
     * The tensor in parts that one buffer holds each: rows of the outermost axis, in order. Small tensors are one part.
     */
    public List<HostTensor> parts() {
        return parts;
    }

    /**
     * The elements, little endian, read-only; an independent position at 0.
     *
     * @throws IllegalStateException if no buffer holds them all; take {@link #parts()} then
     */
    public ByteBuffer bytes() {
        if (bytes == null) {
            throw new IllegalStateException("tensor " + this + " has " + shape.elements() * dtype.bytes()
                    + " bytes, more than one buffer holds; it is to be read in parts");
        }
        return bytes.asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN);
    }

    /** The same elements under another shape with as many elements. */
    public HostTensor reshape(final long... extents) {
        return new HostTensor(Shape.of(extents), dtype, bytes());
    }

    /** Row {@code index} of the outermost axis, as a view. */
    public HostTensor row(final long index) {
        long first = 0;
        for (final HostTensor part : parts) {
            if (part != this && index < first + part.shape.extent(0)) {
                return part.row(index - first);
            }
            first += part.shape.extent(0);
        }
        final long[] extents = shape.toArray();
        final long[] inner = java.util.Arrays.copyOfRange(extents, 1, extents.length);
        final int size = Math.toIntExact(Shape.of(inner).elements() * dtype.bytes());
        return new HostTensor(Shape.of(inner), dtype, bytes.slice(Math.toIntExact(index * size), size));
    }

    /**
     * All elements widened to single precision.
     *
     * @throws IllegalStateException if the elements are integers
     */
    public float[] toFloats() {
        final float[] values = new float[Math.toIntExact(shape.elements())];
        switch (dtype) {
            case F32 -> {
                final FloatBuffer floats = bytes().asFloatBuffer();
                floats.get(values);
            }
            case F16 -> {
                for (int i = 0; i < values.length; i++) {
                    values[i] = Float.float16ToFloat(bytes.getShort(2 * i));
                }
            }
            case BF16 -> {
                for (int i = 0; i < values.length; i++) {
                    values[i] = Float.intBitsToFloat(bytes.getShort(2 * i) << 16);
                }
            }
            case F8_E4M3 -> {
                for (int i = 0; i < values.length; i++) {
                    values[i] = Float8.toFloat(bytes.get(i));
                }
            }
            case I64, I32, U8 -> throw new IllegalStateException("a tensor of " + dtype + " holds no real numbers");
        }
        return values;
    }

    /**
     * All elements of an integer tensor.
     *
     * @throws IllegalStateException if the elements are not I64
     */
    public long[] toLongs() {
        if (dtype != DType.I64) {
            throw new IllegalStateException("a tensor of " + dtype + " holds no 64-bit integers");
        }
        final long[] values = new long[Math.toIntExact(shape.elements())];
        bytes().asLongBuffer().get(values);
        return values;
    }

    @Override
    public String toString() {
        return dtype + shape.toString();
    }
}
