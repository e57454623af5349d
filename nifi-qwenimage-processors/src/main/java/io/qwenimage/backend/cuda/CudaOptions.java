package io.qwenimage.backend.cuda;

import io.qwenimage.tensor.DType;
import java.nio.file.Path;
import java.time.Duration;

/**
 * How a CUDA backend is to be opened.
 *
 * @param ordinal        the device's number, from 0
 * @param memoryBudget   bytes of the device's memory that weights and activations may take together; 0 for most of what
 *                       is free
 * @param activationType {@link DType#BF16} for speed, {@link DType#F32} to compare with single precision
 * @param libraryFolder  where cuBLASLt lies, and cuDNN if it is to be used; null for where the system finds libraries
 * @param waitLimit      how long one wait for the device may take before it is given up; null for without a bound
 */
public record CudaOptions(int ordinal, long memoryBudget, DType activationType, Path libraryFolder,
        Duration waitLimit) {
    /** Checks the values. */
    public CudaOptions {
        if (ordinal < 0) {
            throw new IllegalArgumentException("the number of a CUDA device is " + ordinal + ", it starts at 0");
        }
        if (memoryBudget < 0) {
            throw new IllegalArgumentException("the memory budget must not be negative, got " + memoryBudget);
        }
        if (activationType != DType.BF16 && activationType != DType.F32) {
            throw new IllegalArgumentException("activations on CUDA are BF16 or F32, not " + activationType);
        }
    }

    /** The first device, BF16, most of the free memory, libraries of the system, waits without a bound. */
    public static CudaOptions defaults() {
        return new CudaOptions(0, 0, DType.BF16, null, null);
    }

    /** The same with another type of activations. */
    public CudaOptions withActivationType(final DType type) {
        return new CudaOptions(ordinal, memoryBudget, type, libraryFolder, waitLimit);
    }

    /** The same with another budget, in bytes. */
    public CudaOptions withMemoryBudget(final long bytes) {
        return new CudaOptions(ordinal, bytes, activationType, libraryFolder, waitLimit);
    }

    /** The same with libraries from a folder. */
    public CudaOptions withLibraryFolder(final Path folder) {
        return new CudaOptions(ordinal, memoryBudget, activationType, folder, waitLimit);
    }

    /** The same with another device. */
    public CudaOptions withOrdinal(final int number) {
        return new CudaOptions(number, memoryBudget, activationType, libraryFolder, waitLimit);
    }

    /** The same with bounded waits. */
    public CudaOptions withWaitLimit(final Duration limit) {
        return new CudaOptions(ordinal, memoryBudget, activationType, libraryFolder, limit);
    }
}
