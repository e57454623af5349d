package io.qwenimage.kernels.driver;

import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArraySet;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/**
 * The primary context of a device, and whether it can still be used. The primary one is what NVIDIA's libraries use
 * too. All calls to the driver pass through {@link #enter} before and {@link #check} after.
 */
final class DriverContext implements AutoCloseable {
    /** After these the driver answers every later call of the context with the same error. */
    private static final Set<Integer> STICKY = Set.of(
            CUresult.CUDA_ERROR_DEINITIALIZED, CUresult.CUDA_ERROR_ECC_UNCORRECTABLE,
            CUresult.CUDA_ERROR_NVLINK_UNCORRECTABLE, CUresult.CUDA_ERROR_ILLEGAL_ADDRESS,
            CUresult.CUDA_ERROR_LAUNCH_TIMEOUT, CUresult.CUDA_ERROR_CONTEXT_IS_DESTROYED, CUresult.CUDA_ERROR_ASSERT,
            CUresult.CUDA_ERROR_HARDWARE_STACK_ERROR, CUresult.CUDA_ERROR_ILLEGAL_INSTRUCTION,
            CUresult.CUDA_ERROR_MISALIGNED_ADDRESS, CUresult.CUDA_ERROR_INVALID_ADDRESS_SPACE,
            CUresult.CUDA_ERROR_INVALID_PC, CUresult.CUDA_ERROR_LAUNCH_FAILED, CUresult.CUDA_ERROR_UNKNOWN);

    private static final long FIRST_PAUSE_NANOSECONDS = 20_000;
    private static final long LONGEST_PAUSE_NANOSECONDS = 200_000;

    private final Set<CudaStream> streams = new CopyOnWriteArraySet<>();
    private final CUdevice device;
    private final CUcontext context = new CUcontext();
    private final DeviceProperties properties;
    private volatile DeviceLostException loss;
    private volatile Duration waitLimit;
    private volatile boolean closed;

    DriverContext(final CUdevice device, final DeviceProperties properties) {
        this.device = device;
        this.properties = properties;
        check(JCudaDriver.cuDevicePrimaryCtxRetain(context, device), () -> "opening the context");
    }

    DeviceProperties properties() {
        return properties;
    }

    boolean isLost() {
        return loss != null;
    }

    /** The error that has left it unusable. */
    Optional<DeviceLostException> loss() {
        return Optional.ofNullable(loss);
    }

    /** From now on nothing waits for the device longer than this; null for without a bound. */
    void limitWaits(final Duration limit) {
        waitLimit = limit;
    }

    /** How long one wait may take, or null if the driver is left to wait. */
    Duration waitLimit() {
        return waitLimit;
    }

    void add(final CudaStream stream) {
        streams.add(stream);
    }

    void remove(final CudaStream stream) {
        streams.remove(stream);
    }

    /**
     * Before a call in which the driver waits for the device: waits within the limit, if there is one, so that the call
     * itself finds nothing to wait for. What is recorded at the moment does not run.
     */
    void awaitIdle() {
        if (waitLimit != null) {
            streams.stream().filter(stream -> !stream.isCapturing()).forEach(CudaStream::synchronize);
        }
    }

    /**
     * Asks again and again until something is done. An interruption does not end the wait, it is kept for afterwards:
     * memory in use by the device must not be given up.
     *
     * @param what is waited for, for the message: "the stream"
     * @param launches what may be under way, for the message
     * @throws DeviceLostException if it is not done in time: a running kernel cannot be stopped, so the device is given up
     */
    void await(final BooleanSupplier done, final Duration limit, final String what, final Supplier<String> launches) {
        final long deadline = System.nanoTime() + limit.toNanos();
        long pause = FIRST_PAUSE_NANOSECONDS;
        boolean interrupted = false;
        try {
            while (!done.getAsBoolean()) {
                if (System.nanoTime() - deadline > 0) {
                    throw lose("waiting for " + what + " for " + limit.toMillis() + " ms on " + properties.title()
                            + " came to no end" + launches.get(), CUresult.CUDA_ERROR_LAUNCH_TIMEOUT,
                            errorName(CUresult.CUDA_ERROR_LAUNCH_TIMEOUT));
                }
                LockSupport.parkNanos(pause);
                interrupted |= Thread.interrupted();
                pause = Math.min(pause * 2, LONGEST_PAUSE_NANOSECONDS);
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /**
     * Makes the context the calling thread's own.
     *
     * @throws DeviceLostException if an earlier error left it unusable
     * @throws IllegalStateException if it is closed
     */
    void enter() {
        if (loss != null) {
            throw new DeviceLostException(properties.title() + " was lost before: " + loss.getMessage(), loss.code(),
                    loss.errorName());
        }
        if (closed) {
            throw new IllegalStateException(properties.title() + " is closed");
        }
        check(JCudaDriver.cuCtxSetCurrent(context), () -> "making the context current");
    }

    /**
     * @param result of a call to the driver
     * @param action what was tried, for the message: "launching rms_norm_bf16 (...)"
     * @throws DeviceLostException if the error leaves the context unusable
     * @throws CudaException if the call failed otherwise
     */
    void check(final int result, final Supplier<String> action) {
        if (result == CUresult.CUDA_SUCCESS) {
            return;
        }
        final String name = errorName(result);
        final String message = action.get() + " failed on " + properties.title() + ": " + name + " ("
                + errorText(result)
                + ")";
        if (STICKY.contains(result)) {
            throw lose(message, result, name);
        }
        throw new CudaException(message, result, name);
    }

    /** Refuses all further use; the first loss is the one that is remembered. */
    synchronized DeviceLostException lose(final String message, final int code, final String name) {
        final DeviceLostException now = new DeviceLostException(message
                + ". Nothing can run there any more: close the device and open it anew", code, name);
        if (loss == null) {
            loss = now;
        }
        return now;
    }

    /** The driver's name of an error: {@code CUDA_ERROR_ILLEGAL_ADDRESS}. */
    static String errorName(final int result) {
        final String[] name = new String[1];
        return JCudaDriver.cuGetErrorName(result, name) == CUresult.CUDA_SUCCESS && name[0] != null
                ? name[0] : "CUDA error " + result;
    }

    private static String errorText(final int result) {
        final String[] text = new String[1];
        return JCudaDriver.cuGetErrorString(result, text) == CUresult.CUDA_SUCCESS && text[0] != null
                ? text[0] : "unknown to this driver";
    }

    /**
     * Gives the context up; the driver destroys it with all its memory when nobody else holds it. One that an error has
     * left unusable is reset first: released alone it keeps the error, and opening the device anew fails with it. Whoever
     * shares the context has lost it already.
     */
    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            if (isLost()) {
                JCudaDriver.cuDevicePrimaryCtxReset(device);
            }
            JCudaDriver.cuDevicePrimaryCtxRelease(device);
        }
    }
}
