package io.qwenimage.kernels.driver;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Host memory for tests. */
final class Bytes {
    private Bytes() {
    }

    static ByteBuffer of(final float... values) {
        final ByteBuffer bytes = ByteBuffer.allocateDirect(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(values);
        return bytes;
    }

    static float[] floats(final ByteBuffer bytes) {
        final float[] values = new float[bytes.remaining() / Float.BYTES];
        bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(values);
        return values;
    }

    /** What a buffer holds; waits for the stream. */
    static float[] download(final CudaStream stream, final DeviceBuffer buffer) {
        final ByteBuffer bytes = ByteBuffer.allocateDirect((int) buffer.bytes());
        stream.download(buffer, bytes);
        return floats(bytes);
    }
}
