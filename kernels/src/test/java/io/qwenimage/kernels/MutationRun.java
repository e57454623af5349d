package io.qwenimage.kernels;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.qwenimage.kernels.build.KernelCompiler;
import io.qwenimage.kernels.driver.CudaException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.BinaryOperator;
import java.util.function.Consumer;

/** Runs a kernel's checks on a changed kernel. */
final class MutationRun {
    private static final String CACHE = "kernels.cache";

    private MutationRun() {
    }

    /** Compiles all faults, or skips the test where there is no compiler. */
    static void requireCompiler() throws IOException, InterruptedException {
        assumeTrue(System.getProperty(CACHE) != null && KernelCompiler.isAvailable(), "NVRTC is not on the class path");
        MutationCompiler.fillCache(Path.of(System.getProperty(CACHE)));
    }

    /** What a check says of the changed module, or null if it says nothing. */
    static String fault(final String module, final BinaryOperator<String> change, final Consumer<KernelDevice> check)
            throws IOException {
        final String architecture = MutationCompiler.architecture(module);
        final String ptx = new MutationCompiler(Path.of(System.getProperty(CACHE))).ptx(module, change);
        // Text in the place of the machine code, as a driver takes it: with a zero at its end.
        final Map<String, byte[]> images = Map.of(module + "." + architecture + ".cubin",
                (ptx + "\0").getBytes(StandardCharsets.UTF_8));
        final KernelDevice device = KernelDevice.posing(architecture.equals("sm_80") ? 8 : 9, 0, images);
        String said = said(device, check);
        final List<String> findings = device.takeFindings();
        said = said == null && !findings.isEmpty() ? findings.getFirst() : said;
        device.close();
        return said;
    }

    private static String said(final KernelDevice device, final Consumer<KernelDevice> check) {
        try {
            check.accept(device);
            return null;
        } catch (final AssertionError | CudaException e) {
            return String.valueOf(e.getMessage());
        }
    }
}
