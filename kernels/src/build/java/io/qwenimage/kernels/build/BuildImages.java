package io.qwenimage.kernels.build;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
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

    /** See the class. */
    public static void main(final String... arguments) throws IOException {
        final boolean product = arguments[0].equals("product");
        final Path sources = Path.of(arguments[2]);
        final List<Path> headers = List.of(Path.of(arguments[3]), sources);
        final KernelCompiler compiler = new KernelCompiler(Path.of(arguments[1]));
        final BuildImages build = new BuildImages(compiler, product, Path.of(arguments[4]), Path.of(arguments[5]));
        final long start = System.nanoTime();
        int modules = 0;
        for (final Path file : sourceFiles(sources)) {
            try {
                build.build(KernelSource.read(file, headers));
            } catch (final IllegalStateException | Nvrtc.CompilationException e) {
                System.err.println(e.getMessage());
                System.exit(1);
            }
            modules++;
        }
        build.removeOthers();
        compiler.prune();
        System.out.printf("%d kernel modules, %d programs compiled in %.1f s%n", modules, compiler.compiled(),
                (System.nanoTime() - start) * 1e-9);
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
                write(images.resolve(source.module() + ".ptx"), ptx);
            }
            if (KernelCompiler.TESTED.contains(architecture)) {
                write(testImages.resolve(source.module() + "." + architecture + ".ptx"), ptx);
            }
        }
        write(images.resolve(source.module() + ".json"), json(report).getBytes(StandardCharsets.UTF_8));
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
