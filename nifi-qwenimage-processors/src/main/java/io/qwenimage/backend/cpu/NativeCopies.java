package io.qwenimage.backend.cpu;

import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.Float8;
import io.qwenimage.tensor.HostTensor;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.ShortBuffer;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;

/** Copies between buffers and native memory, and the widening of narrow numbers. */
final class NativeCopies {
    private static final int CHUNK = 1 << 14;
    private static final long COPY_CHUNK = 1L << 24;
    private static final float[] FLOAT8_VALUES = float8Values();

    private NativeCopies() {
    }

    /** The buffer itself if it is native, else a native copy. */
    static ByteBuffer direct(final ByteBuffer bytes) {
        if (bytes.isDirect()) {
            return bytes;
        }
        return ByteBuffer.allocateDirect(bytes.remaining()).order(ByteOrder.LITTLE_ENDIAN).put(bytes.duplicate())
                .flip();
    }

    /** Address of a native buffer's first byte; the buffer must be kept reachable while it is used. */
    static long addressOf(final ByteBuffer direct) {
        final BytePointer pointer = new BytePointer(direct);
        return pointer.address() + pointer.position();
    }

    /** Keeps a buffer from being collected before this call. */
    static void keepAlive(final ByteBuffer buffer) {
        Reference.reachabilityFence(buffer);
    }

    /** Copies a tensor's elements as they are, by all workers. */
    static void copy(final WorkerPool workers, final HostTensor tensor, final long to) {
        long place = to;
        for (final HostTensor part : tensor.parts()) {
            final ByteBuffer bytes = direct(part.bytes());
            copy(workers, addressOf(bytes), place, bytes.remaining());
            place += bytes.remaining();
            keepAlive(bytes);
        }
    }

    /** Copies bytes, by all workers. */
    static void copy(final WorkerPool workers, final long from, final long to, final long bytes) {
        workers.run((int) ((bytes + COPY_CHUNK - 1) / COPY_CHUNK), (worker, item) -> {
            final long start = item * COPY_CHUNK;
            copy(from + start, to + start, Math.min(COPY_CHUNK, bytes - start));
        });
    }

    /** Copies bytes. */
    static void copy(final long from, final long to, final long bytes) {
        Pointer.memcpy(new Address(to), new Address(from), bytes);
    }

    /** Writes numbers of any floating type as F32. */
    static void widen(final Worker worker, final long from, final DType dtype, final long to, final long count) {
        for (long start = 0; start < count; start += CHUNK) {
            final int length = (int) Math.min(CHUNK, count - start);
            final FloatBuffer target = Address.floats(to + start * Float.BYTES, length);
            final long source = from + start * dtype.bytes();
            final float[] values = worker.floats(0, CHUNK);
            switch (dtype) {
                case F32 -> Address.floats(source, length).get(values, 0, length);
                case BF16 -> widenBrainFloats(shorts(worker, source, length), values, length);
                case F16 -> widenHalves(shorts(worker, source, length), values, length);
                case F8_E4M3 -> widenFloat8(Address.bytes(source, length), values, length);
                case I64, I32, U8 -> throw new IllegalArgumentException(dtype + " holds no real numbers");
            }
            target.put(values, 0, length);
        }
    }

    private static short[] shorts(final Worker worker, final long address, final int count) {
        final short[] bits = worker.shorts(0, CHUNK);
        final ShortBuffer source = Address.shorts(address, count);
        source.get(bits, 0, count);
        return bits;
    }

    private static void widenBrainFloats(final short[] bits, final float[] values, final int count) {
        for (int i = 0; i < count; i++) {
            values[i] = Float.intBitsToFloat(bits[i] << 16);
        }
    }

    private static void widenHalves(final short[] bits, final float[] values, final int count) {
        for (int i = 0; i < count; i++) {
            values[i] = Float.float16ToFloat(bits[i]);
        }
    }

    private static void widenFloat8(final ByteBuffer bits, final float[] values, final int count) {
        for (int i = 0; i < count; i++) {
            values[i] = FLOAT8_VALUES[bits.get(i) & 0xff];
        }
    }

    private static float[] float8Values() {
        final float[] values = new float[256];
        for (int i = 0; i < values.length; i++) {
            values[i] = Float8.toFloat((byte) i);
        }
        return values;
    }
}
