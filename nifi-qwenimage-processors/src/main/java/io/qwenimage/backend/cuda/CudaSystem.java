package io.qwenimage.backend.cuda;

import io.qwenimage.kernels.driver.CudaDevice;
import io.qwenimage.kernels.driver.CudaException;
import io.qwenimage.kernels.driver.CudaUnavailableException;
import io.qwenimage.kernels.driver.DeviceProperties;
import java.nio.file.Path;
import java.util.List;

/** What this machine offers of CUDA, found out without keeping anything open. */
public final class CudaSystem {
    private static final int MAJOR = 1000;
    private static final int MINOR = 10;

    private CudaSystem() {
    }

    /**
     * The GPUs that this process sees, at least one.
     *
     * @throws IllegalStateException if CUDA is not offered here; the message says why, in a sentence
     */
    public static List<CudaGpu> gpus() {
        final List<CudaGpu> gpus;
        try {
            gpus = CudaDevice.list().stream().map(CudaSystem::gpu).toList();
        } catch (final CudaUnavailableException e) {
            throw new IllegalStateException(e.getMessage(), e);
        }
        if (gpus.isEmpty()) {
            throw new IllegalStateException("CUDA is not offered: the driver shows no device; check nvidia-smi and "
                    + "CUDA_VISIBLE_DEVICES");
        }
        return gpus;
    }

    /**
     * Memory of a GPU that nobody has taken, in bytes. The device is opened for a moment, which takes memory and time
     * of its own.
     *
     * @throws IllegalStateException if the device cannot be opened
     */
    public static long freeMemory(final int ordinal) {
        try (CudaDevice device = CudaDevice.open(ordinal, 1)) {
            return device.freeMemory();
        } catch (final CudaUnavailableException | CudaException | IllegalArgumentException e) {
            throw new IllegalStateException(e.getMessage(), e);
        }
    }

    /**
     * Looks for the libraries that the backend needs beside the driver's own.
     *
     * @param folder to look in, or null for where they are usually found
     */
    public static List<CudaLibrary> libraries(final Path folder) {
        return CudaLibraries.find(folder);
    }

    private static CudaGpu gpu(final DeviceProperties device) {
        return new CudaGpu(device.ordinal(), device.name(), device.uuid(), device.capability().toString(),
                device.memoryBytes(), device.driverVersion() / MAJOR + "." + device.driverVersion() % MAJOR / MINOR);
    }
}
