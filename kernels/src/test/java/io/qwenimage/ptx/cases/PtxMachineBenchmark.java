package io.qwenimage.ptx.cases;

import io.qwenimage.ptx.LaunchOptions;
import io.qwenimage.ptx.PtxMachine;
import io.qwenimage.ptx.PtxProgram;
import io.qwenimage.ptx.counting.LineCount;
import io.qwenimage.ptx.memory.DeviceMemory;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * Measures how many lane instructions a second of processor time the machine runs on one thread, inspection on. The
 * kernels of the case folders named are launched again and again for some seconds; the best half second counts.
 */
public final class PtxMachineBenchmark {
    private static final long SLICE = 500_000_000;
    private static final int SLICES = 12;

    private PtxMachineBenchmark() {
    }

    public static void main(final String[] arguments) {
        for (final String folder : arguments) {
            measure(CaseFolder.read(Path.of(folder)));
        }
    }

    private static void measure(final CaseFolder given) {
        final DeviceMemory memory = new DeviceMemory();
        final Map<String, Long> addresses = new LinkedHashMap<>();
        given.before().forEach((name, tensor) -> {
            addresses.put(name, memory.allocate(tensor.bytes().length));
            memory.write(addresses.get(name), tensor.bytes(), 0, tensor.bytes().length);
        });
        final PtxProgram program = PtxProgram.load(given.ptx(), memory);
        final byte[] values = CaseRun.arguments(given, program.kernel(given.entry()), addresses);
        final LaunchOptions options = LaunchOptions.standard().withThreads(1);
        double best = 0;
        double mostProducts = 0;
        for (int slice = 0; slice < SLICES; slice++) {
            final long start = processorTime();
            long instructions = 0;
            long products = 0;
            long time;
            do {
                final LineCount total = PtxMachine.launch(program, given.entry(), given.grid(), given.block(),
                    given.dynamicSharedBytes(), values, options).counters().total();
                instructions += total.laneInstructions();
                products += total.multiplyAdds();
                time = processorTime() - start;
            } while (time < SLICE);
            best = Math.max(best, instructions * 1e3 / time);
            mostProducts = Math.max(mostProducts, products * 1e3 / time);
        }
        System.out.println(String.format(Locale.ROOT,
            "%s: %.1f million lane instructions, %.1f million multiply-adds a second",
            given.name(), best, mostProducts));
    }

    private static long processorTime() {
        return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    }
}
