package io.qwenimage.kernels.standin;

import io.qwenimage.ptx.LaunchOptions;
import io.qwenimage.ptx.LaunchResult;
import io.qwenimage.ptx.PtxMachine;

/** Runs kernels on the PTX machine. */
final class KernelMachine {
    KernelRun run(final KernelLaunch launch) {
        final PosedFunction function = launch.function();
        final int[] cluster = launch.cluster();
        final LaunchOptions options = LaunchOptions.standard().withSeed(launch.seed())
                .withCluster(cluster[0], cluster[1], cluster[2]);
        final LaunchResult result = PtxMachine.launch(function.module().program(), function.kernel().name(),
                launch.grid(),
                launch.block(), launch.dynamicSharedBytes(), launch.parameters(), options);
        return new KernelRun(function.kernel().name(), function.module().image(), launch.toString(), result.findings(),
                result.counters());
    }
}
