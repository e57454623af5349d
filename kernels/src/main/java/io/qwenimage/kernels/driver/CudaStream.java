package io.qwenimage.kernels.driver;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import jcuda.Pointer;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUevent;
import jcuda.driver.CUgraph;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/**
 * Work that a device does in order: copies, launches, waits. Streams run beside each other unless an event orders them.
 * A stream belongs to one thread at a time. Its methods return before the work has run, unless they say otherwise.
 */
public final class CudaStream implements AutoCloseable {
    /** So many launches are named when an error shows only later. */
    private static final int REMEMBERED_LAUNCHES = 8;
    /** The driver holds about a thousand launches; the next one would wait inside the driver, however long that takes. */
    private static final int LAUNCHES_BETWEEN_MARKS = 300;

    private final CudaDevice device;
    private final DriverContext context;
    private final Handle handle = new Handle();
    private final Deque<Supplier<String>> launches = new ArrayDeque<>();
    private final CudaEvent[] marks = new CudaEvent[2];
    private int launchesSinceMark;
    private int nextMark;
    private Capture capture;
    private boolean closed;

    /** JCuda's stream, whose number calls beside JCuda need. */
    private static final class Handle extends CUstream {
        private long value() {
            return getNativePointer();
        }
    }

    /** A graph that is being recorded, from the stream that it was begun on and from those that wait for its work. */
    static final class Capture {
        private final List<CudaStream> streams = new ArrayList<>();

        private void add(final CudaStream stream) {
            streams.add(stream);
            stream.capture = this;
        }

        private void end() {
            streams.forEach(stream -> stream.capture = null);
        }
    }

    CudaStream(final CudaDevice device, final DriverContext context) {
        this.device = device;
        this.context = context;
        context.check(JCudaDriver.cuStreamCreate(handle, CUstream_flags.CU_STREAM_NON_BLOCKING),
                () -> "opening a stream");
        context.add(this);
    }

    /** The device that it runs on. */
    public CudaDevice device() {
        return device;
    }

    /** The driver's own handle ({@code CUstream}), for NVIDIA's libraries. */
    public long nativeHandle() {
        requireOpen();
        return handle.value();
    }

    /**
     * Memory for what is put on this stream from now on; it is not cleared.
     *
     * @throws DeviceMemoryException if the budget or the device does not hold it
     */
    public DeviceBuffer allocate(final long bytes) {
        requireOpen();
        return device.memory().allocate(this, bytes);
    }

    /**
     * Copies host memory to the beginning of a buffer. The source may be changed as soon as this returns.
     *
     * @param source from its position to its limit, neither of which changes
     */
    public void upload(final ByteBuffer source, final DeviceBuffer target) {
        requireRoom("upload", source.remaining(), target, 0);
        final int bytes = source.remaining();
        if (bytes > 0) {
            enter();
            final Pointer host = Pointer.to(direct(source));
            check(JCudaDriver.cuMemcpyHtoDAsync(new DeviceAddress(target.address()), host, bytes, handle),
                    () -> "uploading " + bytes + " bytes");
        }
    }

    /**
     * Copies page-locked memory into a buffer while the host goes on.
     *
     * @param source stays open and unchanged until the copy has run
     */
    public void upload(final PinnedBuffer source, final long sourceOffset, final DeviceBuffer target,
                       final long targetOffset, final long bytes) {
        requireRoom("upload", bytes, target, targetOffset);
        requirePinned(source, sourceOffset, bytes);
        enter();
        check(JCudaDriver.cuMemcpyHtoDAsync(new DeviceAddress(target.address() + targetOffset),
                source.pointer(sourceOffset), bytes, handle), () -> "uploading " + bytes + " bytes");
    }

    /**
     * Copies the beginning of a buffer to host memory, and waits for it.
     *
     * @param target from its position to its limit, neither of which changes
     */
    public void download(final DeviceBuffer source, final ByteBuffer target) {
        requireRoom("download", target.remaining(), source, 0);
        final int bytes = target.remaining();
        if (bytes == 0) {
            return;
        }
        // The driver itself waits when memory is not page-locked; here the wait has its limit.
        synchronize();
        final ByteBuffer landing = target.isDirect() ? target.slice() : ByteBuffer.allocateDirect(bytes);
        check(JCudaDriver.cuMemcpyDtoHAsync(Pointer.to(landing), new DeviceAddress(source.address()), bytes, handle),
                () -> "downloading " + bytes + " bytes");
        synchronize();
        if (!target.isDirect()) {
            target.slice().put(landing);
        }
    }

    /**
     * Copies from a buffer into page-locked memory while the host goes on; its content is there once this stream has
     * been waited for.
     */
    public void download(final DeviceBuffer source, final long sourceOffset, final PinnedBuffer target,
                         final long targetOffset, final long bytes) {
        requireRoom("download", bytes, source, sourceOffset);
        requirePinned(target, targetOffset, bytes);
        enter();
        check(JCudaDriver.cuMemcpyDtoHAsync(target.pointer(targetOffset),
                new DeviceAddress(source.address() + sourceOffset), bytes, handle),
                () -> "downloading " + bytes + " bytes");
    }

    /** Copies between buffers of the device. */
    public void copy(final DeviceBuffer source, final long sourceOffset, final DeviceBuffer target,
                     final long targetOffset, final long bytes) {
        requireRoom("copy", bytes, source, sourceOffset);
        requireRoom("copy", bytes, target, targetOffset);
        enter();
        check(JCudaDriver.cuMemcpyDtoDAsync(new DeviceAddress(target.address() + targetOffset),
                new DeviceAddress(source.address() + sourceOffset), bytes, handle),
                () -> "copying " + bytes + " bytes");
    }

    /** Sets every byte of a buffer. */
    public void fill(final DeviceBuffer target, final byte value) {
        enter();
        check(JCudaDriver.cuMemsetD8Async(new DeviceAddress(target.address()), value, target.bytes(), handle),
                () -> "filling " + target.bytes() + " bytes");
    }

    /**
     * What is put on this stream from now on waits, on the device, for the work that the event marks. Where that is
     * being recorded, this stream's work is recorded with it from now on; the stream that the capture was begun on must
     * wait for the last of it.
     */
    public void await(final CudaEvent event) {
        enter();
        check(JCudaDriver.cuStreamWaitEvent(handle, event.handle(), 0), () -> "waiting for an event");
        if (event.capture() != null && capture == null) {
            event.capture().add(this);
        }
    }

    /** Waits until all its work has run; within the limit of {@link CudaDevice#limitWaits}, if there is one. */
    public void synchronize() {
        final Duration limit = context.waitLimit();
        if (limit != null) {
            synchronize(limit);
            return;
        }
        enter();
        check(JCudaDriver.cuStreamSynchronize(handle), () -> "waiting for the stream");
        launches.clear();
    }

    /**
     * Waits until all its work has run, but not for ever.
     *
     * @throws DeviceLostException if it has not ended by then: a running kernel cannot be stopped, so the device is
     *     given up
     */
    public void synchronize(final Duration limit) {
        context.await(this::isDone, limit, "the stream", this::recentLaunches);
        launches.clear();
    }

    /** Whether all its work has run. */
    public boolean isDone() {
        enter();
        final int result = JCudaDriver.cuStreamQuery(handle);
        if (result == CUresult.CUDA_ERROR_NOT_READY) {
            return false;
        }
        check(result, () -> "asking the stream");
        return true;
    }

    /**
     * Records what is put on this stream meanwhile as a graph, instead of running it. Buffers that are opened and
     * closed meanwhile belong to the graph; all others that it uses must outlive it. Nothing may be waited for
     * meanwhile.
     */
    public CudaGraph capture(final Runnable work) {
        enter();
        check(JCudaDriver.cuStreamBeginCapture(handle, CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED),
                () -> "beginning to capture");
        final Capture recording = new Capture();
        recording.add(this);
        device.memory().beginCapture(this);
        final CUgraph graph = new CUgraph();
        List<MemoryPool.Block> blocks = List.of();
        int result = CUresult.CUDA_SUCCESS;
        boolean complete = false;
        try {
            work.run();
            complete = true;
        } finally {
            recording.end();
            result = JCudaDriver.cuStreamEndCapture(handle, graph);
            blocks = device.memory().endCapture(this);
            if (!complete) {
                device.memory().releaseCaptured(blocks);
                if (result == CUresult.CUDA_SUCCESS) {
                    JCudaDriver.cuGraphDestroy(graph);
                }
            }
        }
        final CudaGraph captured = CudaGraph.of(device, context, graph, result, blocks, recentLaunches());
        launches.clear();
        return captured;
    }

    /** Whether work is recorded at this moment instead of run. */
    public boolean isCapturing() {
        return capture != null;
    }

    /** What its work is recorded into, or null. */
    Capture capture() {
        return capture;
    }

    /** Makes what is put here from now on wait for all that the other stream has been given. */
    void awaitAll(final CudaStream other) {
        enter();
        final CUevent event = new CUevent();
        check(JCudaDriver.cuEventCreate(event, CUevent_flags.CU_EVENT_DISABLE_TIMING), () -> "opening an event");
        try {
            check(JCudaDriver.cuEventRecord(event, other.handle), () -> "recording an event");
            check(JCudaDriver.cuStreamWaitEvent(handle, event, 0), () -> "waiting for an event");
        } finally {
            JCudaDriver.cuEventDestroy(event);
        }
    }

    CUstream handle() {
        requireOpen();
        return handle;
    }

    /** Checks a launch, and remembers it for errors that show only later. */
    void launched(final int result, final Supplier<String> launch) {
        if (result != CUresult.CUDA_SUCCESS) {
            check(result, () -> "launching " + launch.get());
        }
        if (launches.size() == REMEMBERED_LAUNCHES) {
            launches.removeLast();
        }
        launches.push(launch);
        if (context.waitLimit() != null && capture == null) {
            mark();
        }
        if (device.synchronousLaunches() && capture == null) {
            check(JCudaDriver.cuStreamSynchronize(handle), () -> "running " + launch.get());
            launches.clear();
        }
    }

    /** Keeps so few launches under way that none waits inside the driver, where no limit holds. */
    private void mark() {
        launchesSinceMark++;
        if (launchesSinceMark < LAUNCHES_BETWEEN_MARKS) {
            return;
        }
        launchesSinceMark = 0;
        if (marks[nextMark] == null) {
            marks[nextMark] = device.openEvent();
        } else {
            marks[nextMark].synchronize();
        }
        marks[nextMark].record(this);
        nextMark = (nextMark + 1) % marks.length;
    }

    private void check(final int result, final Supplier<String> action) {
        if (result != CUresult.CUDA_SUCCESS) {
            context.check(result, () -> action.get() + recentLaunches());
        }
    }

    private String recentLaunches() {
        return launches.isEmpty() ? "" : launches.stream().map(Supplier::get)
                .collect(Collectors.joining("; ", " (launched on the stream before, latest first: ", ")"));
    }

    private void enter() {
        requireOpen();
        context.enter();
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("stream on " + context.properties().title() + " is closed");
        }
    }

    /**
     * The driver reads host memory that is not page-locked before the copy returns, but only where it stays in place.
     */
    private static ByteBuffer direct(final ByteBuffer source) {
        return source.isDirect() ? source.slice()
                : ByteBuffer.allocateDirect(source.remaining()).put(source.duplicate()).flip();
    }

    private static void requireRoom(final String action, final long bytes, final DeviceBuffer buffer,
                                    final long offset) {
        if (bytes < 0 || offset < 0 || offset + bytes > buffer.bytes()) {
            throw new IllegalArgumentException(action + " of " + bytes + " bytes at offset " + offset + " of "
                    + buffer);
        }
    }

    private static void requirePinned(final PinnedBuffer buffer, final long offset, final long bytes) {
        if (offset < 0 || offset + bytes > buffer.size()) {
            throw new IllegalArgumentException(bytes + " bytes at offset " + offset + " of a pinned buffer of "
                    + buffer.size());
        }
    }

    /** Waits for its work, unless the device is lost, and ends. */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        if (!context.isLost()) {
            context.enter();
            try {
                synchronize();
            } finally {
                end();
                if (!context.isLost()) {
                    context.check(JCudaDriver.cuStreamDestroy(handle), () -> "closing a stream");
                }
            }
        } else {
            end();
        }
    }

    private void end() {
        closed = true;
        context.remove(this);
        for (final CudaEvent mark : marks) {
            if (mark != null) {
                mark.close();
            }
        }
        device.memory().disown(this);
        device.remove(this);
    }
}
