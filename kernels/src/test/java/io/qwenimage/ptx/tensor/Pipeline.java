package io.qwenimage.ptx.tensor;

import io.qwenimage.ptx.LaunchOptions;
import io.qwenimage.ptx.LaunchResult;
import io.qwenimage.ptx.PtxMachine;
import io.qwenimage.ptx.PtxProgram;
import io.qwenimage.ptx.memory.DeviceMemory;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Random;

/**
 * The kernel of ptx-faults/pipeline.ptx with random matrices, and its answer: out [64, 64] = a [64, depth] b [64,
 * depth]^T.
 */
final class Pipeline {
    static final int SIDE = 64;
    private static final int BF16 = 9;
    private static final int STEP = 64;
    private static final int SHARED_BYTES = 33792 + SIDE * SIDE * Float.BYTES;

    private final int steps;
    private final float[] a;
    private final float[] b;
    private final DeviceMemory memory = new DeviceMemory();
    private final long out = memory.allocate((long) SIDE * SIDE * Float.BYTES);

    /** Depth 64 times the steps. */
    Pipeline(final int steps) {
        this.steps = steps;
        final Random random = new Random(steps);
        this.a = matrix(random);
        this.b = matrix(random);
    }

    /** The kernel's text. */
    static String text() {
        try (InputStream in = Pipeline.class.getResourceAsStream("/ptx-faults/pipeline.ptx")) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Runs the text as it is given. */
    LaunchResult run(final String text, final long seed) {
        final ByteBuffer arguments = ByteBuffer.allocate(2 * TensorMap.BYTES + Long.BYTES + Integer.BYTES)
            .order(ByteOrder.LITTLE_ENDIAN);
        arguments.put(map(a)).put(map(b)).putLong(out).putInt(steps);
        return PtxMachine.launch(PtxProgram.load(text, memory), "pipeline", new int[] {1, 1, 1}, new int[] {256, 1, 1},
            SHARED_BYTES, arguments.array(), LaunchOptions.standard().withThreads(1).withSeed(seed));
    }

    /** The largest difference between what the kernel wrote and the product in double precision. */
    double error() {
        final byte[] bytes = new byte[SIDE * SIDE * Float.BYTES];
        memory.read(out, bytes, 0, bytes.length);
        final ByteBuffer got = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        final int depth = steps * STEP;
        double error = 0;
        for (int row = 0; row < SIDE; row++) {
            for (int column = 0; column < SIDE; column++) {
                double sum = 0;
                for (int k = 0; k < depth; k++) {
                    sum += (double) a[row * depth + k] * b[column * depth + k];
                }
                final double difference = Math.abs(got.getFloat() - sum);
                error = Double.isNaN(difference) ? Double.POSITIVE_INFINITY : Math.max(error, difference);
            }
        }
        return error;
    }

    private float[] matrix(final Random random) {
        final float[] values = new float[SIDE * steps * STEP];
        for (int i = 0; i < values.length; i++) {
            values[i] = Float.intBitsToFloat(Float.floatToRawIntBits((float) random.nextGaussian()) & 0xffff_0000);
        }
        return values;
    }

    private byte[] map(final float[] matrix) {
        final ByteBuffer content = ByteBuffer.allocate(matrix.length * Short.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (final float value : matrix) {
            content.putShort((short) (Float.floatToRawIntBits(value) >>> 16));
        }
        final long address = memory.allocate(content.capacity());
        memory.write(address, content.array(), 0, content.capacity());
        final long depth = (long) steps * STEP;
        return TensorMap.encodeTiled(BF16, address, new long[] {depth, SIDE}, new long[] {depth * Short.BYTES},
            new int[] {STEP, SIDE}, new int[] {1, 1}, 0, Swizzle.B128.ordinal(), 0, 0);
    }
}
