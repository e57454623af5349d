package io.qwenimage.kernels;

import io.qwenimage.kernels.driver.CudaDevice;
import io.qwenimage.kernels.driver.CudaStream;
import io.qwenimage.kernels.driver.DeviceBuffer;
import io.qwenimage.kernels.driver.ElementType;
import io.qwenimage.kernels.driver.TensorView;
import io.qwenimage.kernels.standin.PosedDevice;
import io.qwenimage.kernels.standin.StandIn;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Assumptions;

/**
 * The device of a test, with one stream and with tensors that it frees by itself. Values cross as {@code float}: on the
 * way to the device they are rounded to the tensor's type, so that {@link #download} of what was uploaded is what a
 * kernel reads.
 */
public final class KernelDevice implements AutoCloseable {
    static final long BUDGET_BYTES = 8L << 30;
    private static final int BFLOAT16_SHIFT = 16;

    private final CudaDevice device;
    private final CudaStream stream;
    private final List<Owned> tensors = new ArrayList<>();

    private final List<AutoCloseable> resources = new ArrayList<>();

    private record Owned(DeviceBuffer buffer, TensorView view) {
    }

    KernelDevice(final CudaDevice device) {
        this.device = device;
        this.stream = device.openStream();
    }

    /** A device as the product opens it, with nearly all of its memory: launches do not wait. */
    public static KernelDevice forBenchmark(final int ordinal) {
        final long memory = CudaDevice.list().get(ordinal).memoryBytes();
        return new KernelDevice(CudaDevice.open(ordinal, memory - memory / 10));
    }

    /**
     * The stand-in, posing as a device of another compute capability or with other images: for tests that put faults
     * into kernels and expect findings. Whoever calls it closes it.
     *
     * @param images content of compiled modules by file name, instead of those of the house: {@code norm.ptx}
     */
    public static KernelDevice posing(final int major, final int minor, final Map<String, byte[]> images) {
        Assumptions.assumeFalse(isReal(), "findings come from the stand-in only");
        StandIn.install().setUp(major * 10L + minor, PosedDevice.of(major, minor));
        return new KernelDevice(CudaDevice.openForDebugging(0, BUDGET_BYTES, images));
    }

    /** Whether tests run on the machine's GPU. */
    public static boolean isReal() {
        return "real".equals(System.getProperty("qwenimage.gpu"));
    }

    /** The device itself. */
    public CudaDevice cuda() {
        return device;
    }

    /** The stream that uploads and downloads follow. */
    public CudaStream stream() {
        return stream;
    }

    /** Closes something before the device: launchers that own memory. */
    public <T extends AutoCloseable> T own(final T resource) {
        resources.add(resource);
        return resource;
    }

    /** A tensor that no byte of has been written; a kernel that reads it before is found out. */
    public TensorView empty(final ElementType type, final long... shape) {
        long elements = 1;
        for (final long size : shape) {
            elements *= size;
        }
        final DeviceBuffer buffer = stream.allocate(Math.max(elements * type.bytes(), 1));
        final TensorView view = TensorView.of(buffer.address(), type, shape);
        tensors.add(new Owned(buffer, view));
        return view;
    }

    /** A tensor of zeros. */
    public TensorView zeros(final ElementType type, final long... shape) {
        final TensorView view = empty(type, shape);
        stream.fill(owner(view).buffer, (byte) 0);
        return view;
    }

    /** A tensor of these values, rounded to its type. */
    public TensorView upload(final float[] values, final ElementType type, final long... shape) {
        final TensorView view = empty(type, shape);
        requireCount(view, values.length);
        final ByteBuffer bytes = buffer((long) values.length * type.bytes());
        for (final float value : values) {
            put(bytes, type, value);
        }
        if (values.length > 0) {
            stream.upload(bytes.flip(), owner(view).buffer);
        }
        return view;
    }

    /** A tensor of these integers. */
    public TensorView upload(final int[] values, final long... shape) {
        final TensorView view = empty(ElementType.I32, shape);
        requireCount(view, values.length);
        final ByteBuffer bytes = buffer(4L * values.length);
        bytes.asIntBuffer().put(values);
        if (values.length > 0) {
            stream.upload(bytes, owner(view).buffer);
        }
        return view;
    }

    /** A tensor of normally distributed values of this deviation, rounded to its type. */
    public TensorView random(final Random random, final double deviation, final ElementType type, final long... shape) {
        final TensorView view = TensorView.of(0, type, shape);
        final float[] values = new float[(int) view.elements()];
        for (int index = 0; index < values.length; index++) {
            values[index] = (float) (random.nextGaussian() * deviation);
        }
        return upload(values, type, shape);
    }

    /** The values of a tensor that this object has made, or of a view of it, in row-major order of the view. */
    public float[] download(final TensorView view) {
        final ByteBuffer bytes = bytes(view);
        final float[] values = new float[(int) view.elements()];
        final long[] offsets = offsets(view);
        for (int index = 0; index < values.length; index++) {
            values[index] = get(bytes, view.type(), (int) offsets[index] * view.type().bytes());
        }
        return values;
    }

    /** The integers of a tensor of type {@link ElementType#I32}. */
    public int[] downloadInts(final TensorView view) {
        view.requireType("downloaded tensor", ElementType.I32);
        final ByteBuffer bytes = bytes(view);
        final long[] offsets = offsets(view);
        final int[] values = new int[offsets.length];
        for (int index = 0; index < values.length; index++) {
            values[index] = bytes.getInt((int) offsets[index] * Integer.BYTES);
        }
        return values;
    }

    /**
     * Waits for the kernels, and reads and forgets what was found wrong: for tests that expect findings. A real device
     * finds nothing.
     */
    public List<String> takeFindings() {
        if (!device.isLost()) {
            stream.synchronize();
        }
        if (isReal()) {
            return List.of();
        }
        final List<String> findings = StandIn.install().findings();
        StandIn.install().clearFindings();
        return findings;
    }

    /** Rounds to the nearest value of a type, ties to even, as uploads do. */
    public static float round(final float value, final ElementType type) {
        return switch (type) {
            case F32 -> value;
            case F16 -> Float.float16ToFloat(Float.floatToFloat16(value));
            case BF16 -> Float.intBitsToFloat(toBfloat16(value) << BFLOAT16_SHIFT);
            default -> Math.round(value);
        };
    }

    /** The part of the tensor's own memory from the view's first element on. */
    private ByteBuffer bytes(final TensorView view) {
        final Owned owner = owner(view);
        final ByteBuffer whole = buffer(owner.view.elements() * owner.view.type().bytes());
        if (view.elements() > 0) {
            stream.download(owner.buffer, whole);
        }
        return whole.position((int) (view.address() - owner.view.address())).slice().order(ByteOrder.LITTLE_ENDIAN);
    }

    private Owned owner(final TensorView view) {
        for (final Owned owned : tensors) {
            final long end = owned.view.address() + Math.max(owned.view.elements() * owned.view.type().bytes(), 1);
            if (view.address() >= owned.view.address() && view.address() < end) {
                return owned;
            }
        }
        throw new IllegalArgumentException(view + " is not of this device");
    }

    /** Element offsets of a view in row-major order. */
    private static long[] offsets(final TensorView view) {
        final long[] offsets = new long[(int) view.elements()];
        for (int index = 0; index < offsets.length; index++) {
            long rest = index;
            for (int axis = view.rank() - 1; axis >= 0; axis--) {
                offsets[index] += rest % view.size(axis) * view.stride(axis);
                rest /= view.size(axis);
            }
        }
        return offsets;
    }

    private static void requireCount(final TensorView view, final int values) {
        if (view.elements() != values) {
            throw new IllegalArgumentException(values + " values for " + view);
        }
    }

    private static ByteBuffer buffer(final long bytes) {
        return ByteBuffer.allocateDirect((int) bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static void put(final ByteBuffer bytes, final ElementType type, final float value) {
        switch (type) {
            case F32 -> bytes.putFloat(value);
            case F16 -> bytes.putShort(Float.floatToFloat16(value));
            case BF16 -> bytes.putShort((short) toBfloat16(value));
            case I64 -> bytes.putLong((long) value);
            case I32 -> bytes.putInt((int) value);
            case U8 -> bytes.put((byte) (int) value);
            default -> throw new IllegalArgumentException("no values of type " + type + " are uploaded");
        }
    }

    private static float get(final ByteBuffer bytes, final ElementType type, final int offset) {
        return switch (type) {
            case F32 -> bytes.getFloat(offset);
            case F16 -> Float.float16ToFloat(bytes.getShort(offset));
            case BF16 -> Float.intBitsToFloat(bytes.getShort(offset) << BFLOAT16_SHIFT);
            case I64 -> bytes.getLong(offset);
            case I32 -> bytes.getInt(offset);
            case U8 -> bytes.get(offset) & 0xff;
            default -> throw new IllegalArgumentException("no values of type " + type + " are downloaded");
        };
    }

    private static int toBfloat16(final float value) {
        final int bits = Float.floatToRawIntBits(value);
        return Float.isNaN(value) ? bits >> BFLOAT16_SHIFT | 0x40
                : bits + 0x7fff + (bits >> BFLOAT16_SHIFT & 1) >> BFLOAT16_SHIFT;
    }

    /** Frees the tensors and closes the device. */
    @Override
    public void close() {
        try {
            if (!device.isLost()) {
                for (final AutoCloseable resource : resources) {
                    closeResource(resource);
                }
                tensors.forEach(owned -> owned.buffer.close());
                final int open = device.memory().books().buffers();
                if (open > 0) {
                    throw new IllegalStateException(open + " buffers were not closed");
                }
            }
        } finally {
            device.close();
        }
    }

    private static void closeResource(final AutoCloseable resource) {
        try {
            resource.close();
        } catch (final RuntimeException e) {
            throw e;
        } catch (final Exception e) {
            throw new IllegalStateException(e);
        }
    }
}
