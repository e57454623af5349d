package io.qwenimage.backend.cuda;

import io.qwenimage.backend.Backend;
import io.qwenimage.backend.DeviceFaultException;
import io.qwenimage.backend.Repetition;
import io.qwenimage.backend.ResourceExhaustedException;
import io.qwenimage.backend.StreamedLayers;
import io.qwenimage.kernels.driver.CudaException;
import io.qwenimage.kernels.driver.DeviceLostException;
import io.qwenimage.kernels.driver.DeviceMemoryException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import org.bytedeco.cuda.global.cublas;

/** Tells faults of the driver, of cuBLASLt and of cuDNN in the words of backends. */
final class CudaFaults {
    private static final int OUT_OF_MEMORY = 2;

    private CudaFaults() {
    }

    /** The same operations, whose faults are those that {@link Backend} names; repetitions likewise. */
    static Backend told(final CudaBackend backend) {
        return told(Backend.class, backend, backend);
    }

    private static <T> T told(final Class<T> type, final T target, final CudaBackend backend) {
        return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type},
                (proxy, method, arguments) -> {
                    try {
                        return watched(method.invoke(target, arguments), backend);
                    } catch (final InvocationTargetException e) {
                        throw e.getCause() instanceof final RuntimeException fault ? told(fault, backend)
                                : e.getCause();
                    }
                }));
    }

    private static Object watched(final Object result, final CudaBackend backend) {
        return switch (result) {
            case final Repetition repetition -> told(Repetition.class, repetition, backend);
            case final StreamedLayers layers -> told(StreamedLayers.class, layers, backend);
            case final StreamedLayers.Pass pass -> told(StreamedLayers.Pass.class, pass, backend);
            case null, default -> result;
        };
    }

    /** A fault in the words of backends; whatever is none of the device comes back as it is. */
    static RuntimeException told(final RuntimeException fault, final CudaBackend backend) {
        return switch (fault) {
            case final DeviceMemoryException e -> new ResourceExhaustedException(e.getMessage(), e);
            case final DeviceLostException e -> new DeviceFaultException(e.getMessage(), e);
            case final CudaException e when e.code() == OUT_OF_MEMORY -> exhausted(e);
            case final CublasException e when e.status() == cublas.CUBLAS_STATUS_ALLOC_FAILED -> exhausted(e);
            case final CudnnException e when Cudnn.isExhaustion(e.status()) -> exhausted(e);
            case final CudaException e -> failed(e, backend);
            case final CublasException e -> failed(e, backend);
            case final CudnnException e -> failed(e, backend);
            default -> fault;
        };
    }

    private static ResourceExhaustedException exhausted(final RuntimeException fault) {
        return new ResourceExhaustedException(fault.getMessage() + "; the memory beside the pool is spent: a smaller "
                + "memory budget, fewer requests at a time or the end of other programs on the device helps", fault);
    }

    /** A library that fails often does so because a kernel has broken the context: then that is the news. */
    private static DeviceFaultException failed(final RuntimeException fault, final CudaBackend backend) {
        return backend.findLoss().map(loss -> new DeviceFaultException(
                loss + " (noticed as: " + fault.getMessage() + ")", fault))
                .orElseGet(() -> new DeviceFaultException(fault.getMessage(), fault));
    }
}
