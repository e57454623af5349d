package io.qwenimage.nifi.services.standard;

import io.qwenimage.backend.Backend;
import io.qwenimage.backend.cuda.CudaBackend;
import io.qwenimage.backend.cuda.CudaGpu;
import io.qwenimage.backend.cuda.CudaLibrary;
import io.qwenimage.backend.cuda.CudaOptions;
import io.qwenimage.backend.cuda.CudaSystem;
import java.nio.file.Path;
import java.util.List;

/** What the CUDA service asks of the machine. */
interface CudaPlatform {
    /** This machine. */
    CudaPlatform INSTALLED = new CudaPlatform() {
        @Override
        public List<CudaGpu> gpus() {
            return CudaSystem.gpus();
        }

        @Override
        public long freeMemory(final int ordinal) {
            return CudaSystem.freeMemory(ordinal);
        }

        @Override
        public List<CudaLibrary> libraries(final Path folder) {
            return CudaSystem.libraries(folder);
        }

        @Override
        public Backend open(final CudaOptions options) {
            return CudaBackend.open(options);
        }
    };

    /** See {@link CudaSystem#gpus}. */
    List<CudaGpu> gpus();

    /** See {@link CudaSystem#freeMemory}. */
    long freeMemory(int ordinal);

    /** See {@link CudaSystem#libraries}. */
    List<CudaLibrary> libraries(Path folder);

    /** See {@link CudaBackend#open}. */
    Backend open(CudaOptions options);
}
