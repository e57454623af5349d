package io.qwenimage.backend.cpu;

import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.ShortBuffer;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;

/** A native address as the libraries want it; owns nothing. */
final class Address extends BytePointer {
    /** The address itself. */
    Address(final long address) {
        super((Pointer) null);
        this.address = address;
    }

    /** Floats from an address on, for bulk copies. */
    static FloatBuffer floats(final long address, final int count) {
        return bytes(address, (long) count * Float.BYTES).asFloatBuffer();
    }

    /** 16-bit numbers from an address on, for bulk copies. */
    static ShortBuffer shorts(final long address, final int count) {
        return bytes(address, (long) count * Short.BYTES).asShortBuffer();
    }

    /** Bytes from an address on; at most 2^31 - 1. */
    static java.nio.ByteBuffer bytes(final long address, final long count) {
        final Address start = new Address(address);
        start.limit(Math.toIntExact(count));
        return start.asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
    }
}
