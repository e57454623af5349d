package io.qwenimage.ptx.tensor;

import io.qwenimage.ptx.instruction.InstructionRegistry;

/** Registers the instructions of the asynchronous proxy: mbarrier, bulk and tensor copies, wgmma, proxy fences. */
public final class TensorInstructions {
    private TensorInstructions() {
    }

    public static void register(final InstructionRegistry registry) {
        MbarrierInstructions.register(registry);
        BulkInstructions.register(registry);
        AsyncStoreInstructions.register(registry);
        TensorCopyInstructions.register(registry);
        TensorMapInstructions.register(registry);
        WarpgroupInstructions.register(registry);
        ProxyInstructions.register(registry);
    }
}
