package io.qwenimage.kernels.build;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * Compiles all kernels of a folder into resources. Called by Maven:
 * {@code product|ladder CACHE SOURCES HEADERS IMAGES TEST_IMAGES}.
 *
 * <p>For each {@code MODULE.cu} it writes {@code MODULE.ARCHITECTURE.cubin}, {@code MODULE.ptx} (the fallback) and
 * {@code MODULE.json} (what each kernel takes of a multiprocessor, by architecture), and for the tests
 * {@code MODULE.ARCHITECTURE.ptx}. Modules of the tests (earlier steps of a ladder) are compiled only for the
 * architectures that are tested.
 */
public final class BuildImages {
    private static final int ARGUMENTS = 6;
    private static final int MOST_PROCESSES = 8;
    /** The compiler takes half a second to load. */
    private static final int JOBS_WORTH_A_PROCESS = 4;

    private final KernelCompiler compiler;
    private final boolean product;
    private final Path images;
    private final Path testImages;
    private final List<Path> written = new ArrayList<>();

    private BuildImages(final KernelCompiler compiler, final boolean product, final Path images,
            final Path testImages) {
        this.compiler = compiler;
        this.product = product;
        this.images = images;
        this.testImages = testImages;
    }

    /** See the class; a number after the other arguments makes a helper, which only fills the cache. */
    public static void main(final String... arguments) throws IOException, InterruptedException {
        final boolean product = arguments[0].equals("product");
        final Path sources = Path.of(arguments[2]);
        final List<Path> headers = List.of(Path.of(arguments[3]), sources);
        final KernelCompiler compiler = new KernelCompiler(Path.of(arguments[1]));
        final BuildImages build = new BuildImages(compiler, product, Path.of(arguments[4]), Path.of(arguments[5]));
        final long start = System.nanoTime();
        try {
            final List<KernelSource> modules = new ArrayList<>();
            for (final Path file : sourceFiles(sources)) {
                modules.add(KernelSource.read(file, headers));
            }
            if (arguments.length > ARGUMENTS) {
                build.fillCache(modules, Integer.parseInt(arguments[ARGUMENTS]));
                return;
            }
            final int missing = build.missing(modules).size();
            build.fillCacheTogether(modules, missing, arguments);
            for (final KernelSource module : modules) {
                build.build(module);
            }
            build.removeOthers();
            compiler.prune();
            System.out.printf("%d kernel modules, %d programs compiled in %.1f s%n", modules.size(), missing,
                    (System.nanoTime() - start) * 1e-9);
        } catch (final IllegalStateException | Nvrtc.CompilationException e) {
            System.err.println(e.getMessage());
            System.exit(1);
        }
    }

    /** A module for one architecture. */
    private record Job(KernelSource source, String architecture) {
    }

    private List<Job> missing(final List<KernelSource> modules) {
        final List<Job> result = new ArrayList<>();
        for (final KernelSource module : modules) {
            for (final String architecture : architectures(module)) {
                if (!compiler.isCached(module, architecture)) {
                    result.add(new Job(module, architecture));
                }
            }
        }
        return result;
    }

    /**
     * Compiles what the cache lacks in several processes, because NVRTC compiles one program at a time in a process.
     * What a helper fails at is compiled, and reported, here.
     */
    private void fillCacheTogether(final List<KernelSource> modules, final int missing, final String... arguments)
            throws IOException, InterruptedException {
        final int processes = Math.min(Math.min(Runtime.getRuntime().availableProcessors(), MOST_PROCESSES),
                missing / JOBS_WORTH_A_PROCESS);
        final List<Process> helpers = new ArrayList<>();
        for (int helper = 1; helper < processes; helper++) {
            final List<String> command = new ArrayList<>(List.of(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "--enable-native-access=ALL-UNNAMED", "-cp", System.getProperty("java.class.path"),
                    BuildImages.class.getName()));
            command.addAll(List.of(arguments));
            command.add(Integer.toString(helper));
            helpers.add(new ProcessBuilder(command).redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD).start());
        }
        if (!helpers.isEmpty()) {
            fillCache(modules, 0);
        }
        for (final Process helper : helpers) {
            helper.waitFor();
        }
    }

    /** Compiles what no other process has begun; the first from the front, others from elsewhere. */
    private void fillCache(final List<KernelSource> modules, final int process) throws IOException {
        final List<Job> jobs = missing(modules);
        Collections.rotate(jobs, -process * jobs.size() / MOST_PROCESSES);
        for (final Job job : jobs) {
            compiler.compileUnlessBegun(job.source(), job.architecture());
        }
    }

    private void build(final KernelSource source) throws IOException {
        final List<String> architectures = architectures(source);
        final Map<String, Map<String, Resources>> report = new LinkedHashMap<>();
        for (final String architecture : architectures) {
            final Nvrtc.Program program = compiler.compile(source, architecture);
            report.put(architecture, Resources.read(program.log(), program.ptx()));
            final byte[] ptx = program.ptx().getBytes(StandardCharsets.UTF_8);
            write(images.resolve(source.module() + "." + architecture + ".cubin"), program.cubin());
            if (architecture.equals(KernelCompiler.FALLBACK)) {
                write(images.resolve(source.module() + ".ptx"),
                        forOlderDrivers(program.ptx()).getBytes(StandardCharsets.UTF_8));
            }
            if (KernelCompiler.TESTED.contains(architecture)) {
                write(testImages.resolve(source.module() + "." + architecture + ".ptx"), ptx);
            }
        }
        write(images.resolve(source.module() + ".json"), json(report).getBytes(StandardCharsets.UTF_8));
    }

    /**
     * The compiler stamps PTX with its own version, which drivers older than it refuse. Nothing in our kernels is newer
     * than what CUDA 12.3 reads (the hint "used_bytes_mask" is the newest).
     */
    private static String forOlderDrivers(final String ptx) {
        return ptx.replaceFirst("(?m)^\\.version \\d+\\.\\d+$", ".version 8.3");
    }

    private List<String> architectures(final KernelSource source) {
        final List<String> unknown = source.architectures().stream()
                .filter(architecture -> !KernelCompiler.ARCHITECTURES.contains(architecture)).toList();
        if (!unknown.isEmpty()) {
            throw new IllegalStateException(source.fileName() + " asks for " + unknown + "; known are "
                    + KernelCompiler.ARCHITECTURES);
        }
        final List<String> wanted = product ? KernelCompiler.ARCHITECTURES : KernelCompiler.TESTED;
        return wanted.stream().filter(source::isFor).toList();
    }

    /** Writes only what differs, so that nothing downstream is made anew for nothing. */
    private void write(final Path file, final byte[] bytes) throws IOException {
        written.add(file);
        if (!Files.exists(file) || !Arrays.equals(Files.readAllBytes(file), bytes)) {
            Files.createDirectories(file.getParent());
            Files.write(file, bytes);
        }
    }

    /** Images of sources that are gone. */
    private void removeOthers() throws IOException {
        for (final Path folder : List.of(images, testImages)) {
            if (Files.isDirectory(folder)) {
                try (Stream<Path> files = Files.list(folder)) {
                    for (final Path file : files.filter(path -> !written.contains(path)).toList()) {
                        Files.delete(file);
                    }
                }
            }
        }
    }

    private static List<Path> sourceFiles(final Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.toString().endsWith(".cu")).sorted().toList();
        }
    }

    private static String json(final Map<String, Map<String, Resources>> report) {
        final List<String> architectures = new ArrayList<>();
        report.forEach((architecture, kernels) -> {
            final List<String> lines = new ArrayList<>();
            new TreeMap<>(kernels).forEach((name, resources) ->
                    lines.add("    \"" + name + "\": " + resources.json()));
            architectures.add("  \"" + architecture + "\": {\n" + String.join(",\n", lines) + "\n  }");
        });
        return "{\n" + String.join(",\n", architectures) + "\n}\n";
    }
}
