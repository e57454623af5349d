package io.qwenimage.backend.cpu;

import java.nio.file.Path;
import java.util.Objects;

/**
 * How a CPU backend is to be opened.
 *
 * @param threads      worker threads, at least 1
 * @param memoryBudget bytes that weights and activations may take together
 * @param nativeFolder where native libraries are unpacked; null for the default, a folder of the user's cache
 * @param arithmetic   how matrix products are computed
 */
public record CpuOptions(int threads, long memoryBudget, Path nativeFolder, Arithmetic arithmetic) {
    private static final double SHARE_OF_MEMORY = 0.8;

    /** How products of single-precision activations and weights are computed. */
    public enum Arithmetic {
        /** Whatever is fastest on this CPU at an error of about 1e-5 or better. */
        AUTOMATIC,
        /** Single precision throughout. */
        SINGLE,
        /**
         * Activations as the sum of two BF16 numbers, products of BF16 with single-precision accumulation; meant for
         * CPUs with AMX, slow on others.
         */
        SPLIT_BFLOAT16
    }

    /** Checks the values. */
    public CpuOptions {
        Objects.requireNonNull(arithmetic);
        if (threads < 1) {
            throw new IllegalArgumentException("a CPU backend needs at least 1 thread, got " + threads);
        }
        if (memoryBudget < 1) {
            throw new IllegalArgumentException("the memory budget must be positive, got " + memoryBudget);
        }
    }

    /** All processors, most of the machine's memory, the fastest arithmetic. */
    public static CpuOptions defaults() {
        return new CpuOptions(Runtime.getRuntime().availableProcessors(),
                (long) (SHARE_OF_MEMORY * NativeLibraries.physicalMemory()), null, Arithmetic.AUTOMATIC);
    }

    /** The same with another number of threads. */
    public CpuOptions withThreads(final int count) {
        return new CpuOptions(count, memoryBudget, nativeFolder, arithmetic);
    }

    /** The same with another budget, in bytes. */
    public CpuOptions withMemoryBudget(final long bytes) {
        return new CpuOptions(threads, bytes, nativeFolder, arithmetic);
    }

    /** The same with another arithmetic. */
    public CpuOptions withArithmetic(final Arithmetic other) {
        return new CpuOptions(threads, memoryBudget, nativeFolder, other);
    }
}
