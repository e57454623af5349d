package io.qwenimage.kernels.driver;

import java.util.Set;
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

    private final CUdevice device;
    private final CUcontext context = new CUcontext();
    private final DeviceProperties properties;
    private volatile DeviceLostException loss;
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

    /** Gives the context up; the driver destroys it with all its memory when nobody else holds it. */
    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            JCudaDriver.cuDevicePrimaryCtxRelease(device);
        }
    }
}
