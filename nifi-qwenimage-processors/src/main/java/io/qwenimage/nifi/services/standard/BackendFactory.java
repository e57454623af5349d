package io.qwenimage.nifi.services.standard;

import io.qwenimage.backend.Backend;
import io.qwenimage.backend.cpu.CpuOptions;

/** Opens the CPU as a backend. */
@FunctionalInterface
interface BackendFactory {
    /**
     * Opens a backend.
     *
     * @return owned by the caller
     */
    Backend open(CpuOptions options);
}
