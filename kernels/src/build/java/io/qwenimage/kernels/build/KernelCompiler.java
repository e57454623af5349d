package io.qwenimage.kernels.build;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BinaryOperator;

/**
 * Compiles kernels with the options of the product, through the cache, and refuses what the compiler or the assembler
 * warns of.
 */
public final class KernelCompiler {
    /** Machine code is made for these: Ampere (A100; GA10x), Ada, Hopper, Blackwell (B200; RTX 50). */
    public static final List<String> ARCHITECTURES = List.of("sm_80", "sm_86", "sm_89", "sm_90a", "sm_100a",
            "sm_120a");
    /** The PTX of this one serves devices that come later, and the tests. */
    public static final String FALLBACK = "sm_80";
    /** The tests run the PTX of these. */
    public static final List<String> TESTED = List.of("sm_80", "sm_90a");

    private final Path cacheFolder;
    private final ImageCache cache;
    private final String version;
    private Nvrtc nvrtc;

    /**
     * A compiler that keeps what it makes.
     *
     * @param cacheFolder lasting folder for libraries and compiled programs
     */
    public KernelCompiler(final Path cacheFolder) {
        this.cacheFolder = cacheFolder;
        this.cache = new ImageCache(cacheFolder.resolve("images"));
        this.version = Nvrtc.version();
    }

    /** Whether the class path holds NVRTC for this platform. */
    public static boolean isAvailable() {
        return Nvrtc.isAvailable();
    }

    /**
     * Compiles a source to PTX and no further, after it, or a header of it, was changed: for tests that put faults into
     * kernels.
     *
     * @param folders where headers are looked for
     * @param change  gets the name and the text of each file and gives the text that is compiled
     * @throws Nvrtc.CompilationException if it does not compile
     */
    public String ptx(final Path file, final List<Path> folders, final BinaryOperator<String> change,
            final String architecture) throws IOException {
        final KernelSource source = KernelSource.read(file, folders).changed(change);
        final List<String> options = options(architecture.replace("sm_", "compute_"));
        return cache.get(ImageCache.key(source, options, version),
                () -> nvrtc().compile(source.fileName(), source.text(), source.headers(), options)).ptx();
    }

    /** Compiles a module for an architecture, or takes it from the cache. */
    Nvrtc.Program compile(final KernelSource source, final String architecture) throws IOException {
        final List<String> options = options(architecture);
        final Nvrtc.Program program = cache.get(key(source, architecture),
                () -> nvrtc().compile(source.fileName(), source.text(), source.headers(), options));
        refuseWarnings(source, architecture, program);
        return program;
    }

    /** Compiles a module into the cache, unless another process is at it. */
    void compileUnlessBegun(final KernelSource source, final String architecture) throws IOException {
        if (!isCached(source, architecture) && cache.begin(key(source, architecture))) {
            compile(source, architecture);
        }
    }

    boolean isCached(final KernelSource source, final String architecture) {
        return cache.has(key(source, architecture));
    }

    void prune() throws IOException {
        cache.prune();
    }

    private String key(final KernelSource source, final String architecture) {
        return ImageCache.key(source, options(architecture), version);
    }

    private Nvrtc nvrtc() {
        if (nvrtc == null) {
            nvrtc = Nvrtc.load(cacheFolder.resolve("nvrtc"));
        }
        return nvrtc;
    }

    private static List<String> options(final String architecture) {
        final List<String> options = new ArrayList<>(List.of("--gpu-architecture=" + architecture, "--std=c++17",
                "--device-as-default-execution-space"));
        if (architecture.startsWith("sm_")) {
            options.addAll(List.of("--ptxas-options=-v", "--ptxas-options=--warn-on-spills"));
        }
        return options;
    }

    private static void refuseWarnings(final KernelSource source, final String architecture,
            final Nvrtc.Program program) {
        final List<String> findings = new ArrayList<>();
        for (final String line : program.log().lines().toList()) {
            if (line.contains("warning") || line.contains("Warning")) {
                findings.add(line.strip());
            }
        }
        Resources.read(program.log(), program.ptx()).forEach((kernel, resources) -> {
            if (resources.spillBytes() > 0) {
                findings.add(kernel + " spills " + resources.spillBytes() + " bytes of registers");
            }
        });
        if (!findings.isEmpty()) {
            throw new IllegalStateException(source.fileName() + " for " + architecture + ": "
                    + String.join("; ", findings));
        }
    }
}
