package io.qwenimage.kernels.standin;

import io.qwenimage.ptx.instruction.DecodedKernel;

/** A kernel of a loaded module, and how much dynamic shared memory it was allowed. */
final class PosedFunction {
    private final PosedModule module;
    private final DecodedKernel kernel;
    private final KernelFigures figures;
    private final int[] imageOffsets;
    private int dynamicSharedLimit;

    PosedFunction(final PosedModule module, final DecodedKernel kernel, final KernelFigures figures) {
        this.module = module;
        this.kernel = kernel;
        this.figures = figures;
        this.imageOffsets = module.cubin() == null ? kernel.parameterOffsets()
                : ImageParameters.offsets(module.cubin(), kernel.name()).orElse(kernel.parameterOffsets());
        this.dynamicSharedLimit = PosedDevice.SHARED_BYTES_PER_BLOCK - figures.staticSharedBytes();
    }

    PosedModule module() {
        return module;
    }

    DecodedKernel kernel() {
        return kernel;
    }

    KernelFigures figures() {
        return figures;
    }

    /** Where each parameter lies in the image, which is not always where the PTX has it. */
    int[] imageOffsets() {
        return imageOffsets;
    }

    int dynamicSharedLimit() {
        return dynamicSharedLimit;
    }

    void allowDynamicShared(final int bytes) {
        dynamicSharedLimit = bytes;
    }
}
