package io.qwenimage.kernels;

import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
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
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The tests of the kernels fail when the kernels are wrong: one small fault at a time. */
class MutationTest {
    /** Loaded once, and only where it is. */
    private static final class Compiler {
        private static final MutationCompiler SHARED = new MutationCompiler(
                Path.of(System.getProperty("kernels.cache")));
    }

    @BeforeAll
    static void compile() throws IOException, InterruptedException {
        assumeTrue(System.getProperty("kernels.cache") != null && KernelCompiler.isAvailable(),
                "NVRTC is not on the class path");
        MutationCompiler.fillCache(Path.of(System.getProperty("kernels.cache")));
    }

    static Stream<Mutation> mutations() {
        return Mutations.all().stream();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("mutations")
    void testFaultIsNoticed(final Mutation mutation) throws IOException {
        assertNotNull(fault(mutation, mutation::applied), () -> "nobody noticed " + mutation);
    }

    /** Without a fault the same tests pass on the same path: what they notice above is the fault. */
    @ParameterizedTest(name = "{0}")
    @MethodSource("mutations")
    void testWithoutAFaultNothingIsNoticed(final Mutation mutation) throws IOException {
        assertNull(fault(mutation, (name, content) -> content));
    }

    /** What a check says of a module, or null if it says nothing. */
    private static String fault(final Mutation mutation, final BinaryOperator<String> change) throws IOException {
        final String ptx = Compiler.SHARED.ptx(mutation, change);
        // Text in the place of the machine code, as a driver takes it: with a zero at its end.
        final Map<String, byte[]> images = Map.of(mutation.module() + "." + MutationCompiler.ARCHITECTURE + ".cubin",
                (ptx + "\0").getBytes(StandardCharsets.UTF_8));
        final KernelDevice device = KernelDevice.posing(8, 0, images);
        String said = said(device, mutation.check());
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
