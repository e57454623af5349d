package io.qwenimage.kernels;

import io.qwenimage.kernels.driver.CudaDevice;
import io.qwenimage.kernels.driver.CudaStream;
import io.qwenimage.kernels.driver.DeviceBuffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Where sequences begin ("cu_seqlens"), on the device: every layer of a model asks for the same ones, so they are kept.
 */
final class AttentionOffsets implements AutoCloseable {
    /** Patterns that are kept; the longest take some kilobytes. */
    private static final int KEPT = 64;

    private final CudaDevice device;
    private final CudaStream setup;
    private final Map<List<Integer>, DeviceBuffer> kept = new LinkedHashMap<>(16, 0.75f, true);
    private boolean closed;

    AttentionOffsets(final CudaDevice device) {
        this.device = device;
        this.setup = device.openStream();
    }

    /** Refuses offsets that do not divide so many rows into sequences. */
    static void require(final String name, final long rows, final int[] offsets) {
        boolean valid = offsets.length > 0 && offsets[0] == 0 && offsets[offsets.length - 1] == rows;
        for (int s = 0; valid && s + 1 < offsets.length; s++) {
            valid = offsets[s] <= offsets[s + 1];
        }
        if (!valid) {
            throw new IllegalArgumentException(name + " offsets " + Arrays.toString(offsets)
                    + "; they must begin with 0, never fall, and end with the " + rows + " rows of the tensor");
        }
    }

    /** How long the sequences are. */
    static int[] lengths(final int[] offsets) {
        return IntStream.range(0, offsets.length - 1).map(s -> offsets[s + 1] - offsets[s]).toArray();
    }

    /** Offsets on the device, for a launch on the stream; valid until {@link #KEPT} others have been asked for. */
    synchronized DeviceBuffer onDevice(final int[] offsets) {
        if (closed) {
            throw new IllegalStateException("the attention kernels of " + device.properties().title() + " are closed");
        }
        final List<Integer> key = IntStream.of(offsets).boxed().collect(Collectors.toUnmodifiableList());
        final DeviceBuffer known = kept.get(key);
        if (known != null) {
            return known;
        }
        if (kept.size() == KEPT) {
            final Iterator<DeviceBuffer> oldest = kept.values().iterator();
            oldest.next().close();
            oldest.remove();
        }
        final ByteBuffer bytes = ByteBuffer.allocateDirect(offsets.length * Integer.BYTES)
                .order(ByteOrder.nativeOrder());
        bytes.asIntBuffer().put(offsets);
        final DeviceBuffer buffer = device.upload(setup, bytes);
        setup.synchronize();
        kept.put(key, buffer);
        return buffer;
    }

    /** Frees the offsets; work that uses them may still run. */
    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            kept.values().forEach(DeviceBuffer::close);
            kept.clear();
            setup.close();
        }
    }
}
