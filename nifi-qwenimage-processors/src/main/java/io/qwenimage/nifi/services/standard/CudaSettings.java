package io.qwenimage.nifi.services.standard;

import io.qwenimage.backend.cuda.CudaGpu;
import io.qwenimage.backend.cuda.CudaOptions;
import io.qwenimage.tensor.DType;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * What the properties of the CUDA service amount to.
 *
 * @param selection   how the device is chosen
 * @param index       of the device, if it is chosen by that
 * @param uuid        of the device, if it is chosen by that, with or without the prefix GPU-
 * @param budget      an amount of the device's memory, or null for most of what is free
 * @param type        of activations
 * @param stepTimeout how long one wait for the device may take
 * @param libraries   folder of CUDA's libraries, or null for where they are usually found
 */
record CudaSettings(DeviceSelection selection, int index, String uuid, String budget, DType type, Duration stepTimeout,
        Path libraries) {
    private static final String UUID_PREFIX = "gpu-";

    /**
     * The device that the settings mean.
     *
     * @throws IllegalStateException if there is none; the message names those that there are
     */
    CudaGpu choose(final CudaPlatform platform) {
        final List<CudaGpu> gpus = platform.gpus();
        return switch (selection) {
            case INDEX -> gpus.stream().filter(gpu -> gpu.ordinal() == index).findFirst()
                    .orElseThrow(() -> missing("Device Index is " + index, gpus));
            case UUID -> gpus.stream().filter(gpu -> gpu.uuid().toString().equals(plain(uuid))).findFirst()
                    .orElseThrow(() -> missing("Device UUID is " + uuid, gpus));
            case MOST_FREE_MEMORY -> gpus.size() == 1 ? gpus.getFirst() : freest(gpus, platform);
        };
    }

    /** How the device is to be opened. */
    CudaOptions options(final CudaGpu gpu) {
        return CudaOptions.defaults().withOrdinal(gpu.ordinal())
                .withMemoryBudget(budget == null ? 0 : MemoryShare.bytes(budget, gpu.memoryBytes()))
                .withActivationType(type).withLibraryFolder(libraries).withWaitLimit(stepTimeout);
    }

    /** A device that cannot be opened is passed over as long as another can. */
    private static CudaGpu freest(final List<CudaGpu> gpus, final CudaPlatform platform) {
        CudaGpu best = null;
        long most = -1;
        IllegalStateException fault = null;
        for (final CudaGpu gpu : gpus) {
            try {
                final long free = platform.freeMemory(gpu.ordinal());
                if (free > most) {
                    best = gpu;
                    most = free;
                }
            } catch (final IllegalStateException e) {
                fault = e;
            }
        }
        if (best == null) {
            throw new IllegalStateException("none of the devices can be opened; of the last: " + fault.getMessage(),
                    fault);
        }
        return best;
    }

    private static String plain(final String uuid) {
        final String lower = uuid.strip().toLowerCase(Locale.ROOT);
        return lower.startsWith(UUID_PREFIX) ? lower.substring(UUID_PREFIX.length()) : lower;
    }

    private static IllegalStateException missing(final String wanted, final List<CudaGpu> gpus) {
        return new IllegalStateException(wanted + ", but the devices are "
                + gpus.stream().map(CudaGpu::title).collect(Collectors.joining(", ")));
    }
}
