package io.qwenimage.kernels.driver;

import java.time.Duration;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/** A point in a stream's work, to wait for and to measure time between. */
public final class CudaEvent implements AutoCloseable {
    private final CudaDevice device;
    private final DriverContext context;
    private final CUevent handle = new CUevent();
    private CudaStream.Capture capture;
    private boolean closed;

    CudaEvent(final CudaDevice device, final DriverContext context, final boolean timed) {
        this.device = device;
        this.context = context;
        context.check(JCudaDriver.cuEventCreate(handle, timed ? CUevent_flags.CU_EVENT_DEFAULT
                : CUevent_flags.CU_EVENT_DISABLE_TIMING), () -> "opening an event");
    }

    /** Marks the work that the stream has been given so far. */
    public void record(final CudaStream stream) {
        context.enter();
        context.check(JCudaDriver.cuEventRecord(handle, stream.handle()), () -> "recording an event");
        capture = stream.capture();
    }

    /** What the work that it marks was recorded into, or null. */
    CudaStream.Capture capture() {
        return capture;
    }

    /** Whether the work that it marks has run; true if it marks none yet. */
    public boolean isDone() {
        context.enter();
        final int result = JCudaDriver.cuEventQuery(handle);
        if (result == CUresult.CUDA_ERROR_NOT_READY) {
            return false;
        }
        context.check(result, () -> "asking an event");
        return true;
    }

    /** Waits for the work that it marks; within the limit of {@link CudaDevice#limitWaits}, if there is one. */
    public void synchronize() {
        final Duration limit = context.waitLimit();
        if (limit != null) {
            context.await(this::isDone, limit, "an event", () -> "");
            return;
        }
        context.enter();
        context.check(JCudaDriver.cuEventSynchronize(handle), () -> "waiting for an event");
    }

    /** Milliseconds on the device from the earlier event to this one; both must have run. */
    public float millisecondsSince(final CudaEvent earlier) {
        context.enter();
        final float[] milliseconds = new float[1];
        context.check(JCudaDriver.cuEventElapsedTime(milliseconds, earlier.handle, handle), () -> "measuring time");
        return milliseconds[0];
    }

    CUevent handle() {
        return handle;
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        device.remove(this);
        if (!context.isLost()) {
            context.enter();
            context.check(JCudaDriver.cuEventDestroy(handle), () -> "closing an event");
        }
    }
}
