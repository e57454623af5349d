package io.qwenimage.ptx;

import io.qwenimage.ptx.counting.CounterSheet;
import io.qwenimage.ptx.counting.Counters;
import io.qwenimage.ptx.counting.LineCount;
import io.qwenimage.ptx.execution.ClusterRun;
import io.qwenimage.ptx.execution.Launch;
import io.qwenimage.ptx.inspection.Findings;
import io.qwenimage.ptx.instruction.DecodedInstruction;
import io.qwenimage.ptx.instruction.DecodedKernel;
import io.qwenimage.ptx.memory.MemoryRegion;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Runs PTX kernels as a device would, inspects what they do and counts it. A launch is synchronous: when it returns,
 * all blocks have ended. Launches that share a device memory may run at the same time.
 */
public final class PtxMachine {
    /** Warp instructions after which a thread of the host turns to another block: one that spins may wait for it. */
    private static final long TURN = 4_000_000;
    private static final int MOST_OPEN = 32;

    private PtxMachine() {
    }

    /**
     * Launches a kernel.
     *
     * @param program the loaded module
     * @param entry the kernel's name
     * @param grid blocks in x, y and z
     * @param block threads of a block in x, y and z
     * @param dynamicSharedBytes bytes of dynamic shared memory
     * @param argumentBytes the arguments as they lie in the .param space, each at its offset (see
     *     {@link PtxProgram#parameterLayout})
     * @param options how it is run
     * @return findings and counters
     * @throws IllegalArgumentException when grid, block, cluster or arguments do not fit the kernel
     */
    public static LaunchResult launch(final PtxProgram program, final String entry, final int[] grid, final int[] block,
                                      final int dynamicSharedBytes, final byte[] argumentBytes,
                                      final LaunchOptions options) {
        final DecodedKernel kernel = program.kernel(entry);
        final int[] cluster = cluster(kernel, options);
        LaunchChecks.check(kernel, grid, block, cluster, dynamicSharedBytes, argumentBytes);
        final Findings findings = new Findings();
        final MemoryRegion parameters = new MemoryRegion("parameters", 0, argumentBytes.clone(), true);
        final Launch launch = new Launch(kernel, grid.clone(), block.clone(), cluster, dynamicSharedBytes, parameters,
            program.memory(), findings, options.seed(), options.racesInspected());
        final CounterSheet counters = run(launch, options);
        return new LaunchResult(findings.list(), counters(kernel, counters));
    }

    private static int[] cluster(final DecodedKernel kernel, final LaunchOptions options) {
        if (options.cluster() != null) {
            return options.cluster().clone();
        }
        return kernel.limits().requiredCluster() != null ? kernel.limits().requiredCluster().clone()
            : new int[] {1, 1, 1};
    }

    private static CounterSheet run(final Launch launch, final LaunchOptions options) {
        final long count = options.blocks() == null ? launch.clusterCount() : options.blocks().length;
        final int workers = (int) Math.max(1, Math.min(options.threads(), count));
        final AtomicLong next = new AtomicLong();
        final AtomicReference<Throwable> failure = new AtomicReference<>();
        final CounterSheet total = new CounterSheet(launch.kernel().instructions().size());
        final List<Thread> threads = new ArrayList<>();
        for (int i = 1; i < workers; i++) {
            threads.add(Thread.ofPlatform().name("ptx-machine-" + i).start(
                () -> work(launch, options, next, count, failure, total)));
        }
        work(launch, options, next, count, failure, total);
        for (final Thread thread : threads) {
            join(thread);
        }
        rethrow(failure.get());
        return total;
    }

    private static void work(final Launch launch, final LaunchOptions options, final AtomicLong next, final long count,
                             final AtomicReference<Throwable> failure, final CounterSheet total) {
        final CounterSheet counters = new CounterSheet(launch.kernel().instructions().size());
        final Deque<ClusterRun> open = new ArrayDeque<>();
        try {
            while (failure.get() == null && !launch.findings().isStopped()) {
                final long number = open.size() < MOST_OPEN ? next.getAndIncrement() : count;
                if (number < count) {
                    final long cluster = options.blocks() == null ? number : options.blocks()[(int) number];
                    open.addFirst(new ClusterRun(launch, cluster, counters));
                } else if (open.isEmpty()) {
                    break;
                }
                final ClusterRun run = open.removeFirst();
                if (!run.run(TURN)) {
                    open.addLast(run);
                }
            }
        } catch (final RuntimeException | Error e) {
            failure.compareAndSet(null, e);
        }
        synchronized (total) {
            total.add(counters);
        }
    }

    private static void join(final Thread thread) {
        boolean interrupted = false;
        while (true) {
            try {
                thread.join();
                break;
            } catch (final InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private static void rethrow(final Throwable failure) {
        if (failure instanceof RuntimeException e) {
            throw e;
        }
        if (failure instanceof Error e) {
            throw e;
        }
    }

    private static Counters counters(final DecodedKernel kernel, final CounterSheet sheet) {
        final List<LineCount> lines = new ArrayList<>();
        for (final DecodedInstruction instruction : kernel.instructions()) {
            final int id = instruction.id;
            if (sheet.warpExecutions[id] > 0) {
                lines.add(new LineCount(instruction.line, instruction.text, instruction.instructionClass,
                    sheet.warpExecutions[id], sheet.laneExecutions[id], sheet.requests[id], sheet.sectors[id],
                    sheet.idealSectors[id], sheet.wavefronts[id], sheet.idealWavefronts[id], sheet.bytes[id],
                    sheet.multiplyAdds[id] + instruction.multiplyAdds * sheet.laneExecutions[id]));
            }
        }
        return new Counters(lines);
    }
}
