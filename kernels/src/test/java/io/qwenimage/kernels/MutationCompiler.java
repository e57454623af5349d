package io.qwenimage.kernels;

import io.qwenimage.kernels.build.KernelCompiler;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BinaryOperator;
import java.util.stream.Stream;

/**
 * Compiles kernels with faults in them, through the build's cache. NVRTC asks for the driver's library itself and does
 * not stand the stand-in for it, so it runs in processes of their own, which fill the cache.
 */
final class MutationCompiler {
    private static final String HOPPER = "attention_hopper";
    private static final Path SOURCES = Path.of("src/main/cuda");
    private static final int PROCESSES = 2;

    private final KernelCompiler compiler;

    MutationCompiler(final Path cache) {
        compiler = new KernelCompiler(cache);
    }

    /** What a module's faults are compiled for. */
    static String architecture(final String module) {
        return module.equals(HOPPER) ? "sm_90a" : "sm_80";
    }

    /** The PTX of a module, of its BF16 kernels alone, after a change. */
    String ptx(final String module, final BinaryOperator<String> change) throws IOException {
        return compiler.ptx(SOURCES.resolve(module + ".cu"), List.of(SOURCES),
                (name, content) -> onlyBf16(module, change.apply(name, content)), architecture(module));
    }

    private static String onlyBf16(final String module, final String content) {
        return module.equals(HOPPER) ? content.replace("ATTENTION(attention_hopper_f16, f16)", "")
                : Mutations.onlyBf16(content);
    }

    /** Compiles whatever the cache does not have yet, in other processes. */
    static void fillCache(final Path cache) throws IOException, InterruptedException {
        final List<Process> processes = new ArrayList<>();
        for (int part = 0; part < PROCESSES; part++) {
            processes.add(new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "--enable-native-access=ALL-UNNAMED", "-cp", System.getProperty("java.class.path"),
                    MutationCompiler.class.getName(), cache.toString(), String.valueOf(part))
                    .redirectErrorStream(true).start());
        }
        for (final Process process : processes) {
            final String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (process.waitFor() != 0) {
                throw new IllegalStateException("kernels with faults do not compile: " + said);
            }
        }
    }

    /** The cache's folder, and which part of the mutations. */
    public static void main(final String... arguments) throws IOException {
        final MutationCompiler compiler = new MutationCompiler(Path.of(arguments[0]));
        final List<Mutation> mutations = Stream.concat(Mutations.all().stream(),
                HopperAttentionMutationTest.mutations()).toList();
        for (int index = Integer.parseInt(arguments[1]); index < mutations.size(); index += PROCESSES) {
            final Mutation mutation = mutations.get(index);
            compiler.ptx(mutation.module(), mutation::applied);
            compiler.ptx(mutation.module(), (name, content) -> content);
        }
    }
}
