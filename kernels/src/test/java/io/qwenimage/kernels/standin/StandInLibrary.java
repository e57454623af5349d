package io.qwenimage.kernels.standin;

import com.sun.jna.Callback;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;

/**
 * Builds libraries of NVIDIA's names with the system's C compiler and loads them. The dynamic loader knows a library by
 * its own name, so whatever is linked to {@code libcuda.so.1} and loaded later is bound to this one.
 */
final class StandInLibrary {
    private static final String NOTHING = "standin_nothing.c";
    private static final String VERSIONS = "versions";
    private static final List<String> COMPILERS = List.of("cc", "gcc", "clang");

    /** What the library calls: the name of a function of the driver API, and its arguments in 64 bits each. */
    interface Receiver extends Callback {
        int receive(Pointer function, Pointer arguments);
    }

    /** Something that the stand-in needs is not on this machine. */
    static final class LackException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        private LackException(final String message) {
            super(message);
        }
    }

    private StandInLibrary() {
    }

    /**
     * The driver's library.
     *
     * @param receiver answers all calls from now on; it must stay reachable
     * @return the library, which is unloaded when it is not reachable any more
     * @throws LackException if this machine cannot have a stand-in
     */
    static NativeLibrary load(final Receiver receiver) {
        return connect(load("standin_cuda.c", "libcuda.so.1"), receiver);
    }

    /**
     * cuBLASLt's library, and by their names alone those that bindings to it are linked to.
     *
     * @return the libraries, which are unloaded when they are not reachable any more
     */
    static List<NativeLibrary> loadMatrixLibraries(final Receiver receiver) {
        return List.of(load(NOTHING, "libcudart.so.13"),
                connect(load("standin_cublaslt.c", "libcublasLt.so.13"), receiver),
                load(NOTHING, "libcublas.so.13"));
    }

    /** Writes libraries into a folder that have the names of those of cuBLASLt, and nothing in them. */
    static void writeMatrixLibraries(final Path folder) {
        try {
            for (final String name : List.of("libcudart.so.13", "libcublasLt.so.13", "libcublas.so.13")) {
                build(folder, NOTHING, name);
            }
            Files.delete(folder.resolve(NOTHING));
            Files.delete(folder.resolve(VERSIONS));
        } catch (final IOException e) {
            throw new IllegalStateException("libraries cannot be written to " + folder, e);
        }
    }

    /**
     * The parts of cuDNN.
     *
     * @return the libraries, which are unloaded when they are not reachable any more
     */
    static List<NativeLibrary> loadConvolutionLibraries(final Receiver receiver) {
        final String source = "standin_cudnn.c";
        return List.of(load(NOTHING, "libcudnn.so.9"),
                connect(load(source, "libcudnn_graph.so.9"), receiver),
                connect(load(source, "libcudnn_ops.so.9"), receiver),
                load(NOTHING, "libcudnn_adv.so.9"),
                connect(load(source, "libcudnn_cnn.so.9"), receiver));
    }

    private static NativeLibrary connect(final NativeLibrary library, final Receiver receiver) {
        library.getFunction("standin_connect").invokeVoid(new Object[] {receiver});
        return library;
    }

    private static NativeLibrary load(final String source, final String name) {
        if (!System.getProperty("os.name").startsWith("Linux")) {
            throw new LackException("What runs on CUDA is tested on Linux only: the stand-in takes the place of "
                    + "libcuda.so.1 in the dynamic loader, "
                    + "and JCuda's library exists for no other system that has one");
        }
        try {
            final Path folder = Files.createTempDirectory("stand-in-");
            try {
                return NativeLibrary.getInstance(build(folder, source, name).toString());
            } finally {
                Files.deleteIfExists(folder.resolve(source));
                Files.deleteIfExists(folder.resolve(VERSIONS));
                Files.deleteIfExists(folder.resolve(name));
                Files.delete(folder);
            }
        } catch (final IOException e) {
            throw new IllegalStateException("the stand-in " + name + " cannot be built", e);
        }
    }

    private static Path build(final Path folder, final String sourceName, final String name) throws IOException {
        final Path source = folder.resolve(sourceName);
        try (InputStream text = StandInLibrary.class.getResourceAsStream("/" + sourceName)) {
            Files.copy(text, source, StandardCopyOption.REPLACE_EXISTING);
        }
        final Path library = folder.resolve(name);
        // NVIDIA's libraries give their functions a version of their own name, and bindings to them ask for it.
        final Path versions = Files.writeString(folder.resolve(VERSIONS), name + " { global: *; };");
        for (final String compiler : COMPILERS) {
            if (compile(compiler, source, versions, library)) {
                return library;
            }
        }
        throw new LackException("The tests of what runs on CUDA need a C compiler for the stand-in " + name
                + ": none of " + COMPILERS + " is on the path. Install one, for instance the package gcc");
    }

    private static boolean compile(final String compiler, final Path source, final Path versions, final Path library)
            throws IOException {
        final Process process;
        try {
            process = new ProcessBuilder(compiler, "-shared", "-fPIC", "-O1", "-Wl,-soname," + library.getFileName(),
                    "-Wl,--version-script," + versions, "-o", library.toString(), source.toString())
                    .redirectErrorStream(true).start();
        } catch (final IOException e) {
            // Not installed.
            return false;
        }
        final String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        try {
            if (process.waitFor() != 0) {
                throw new IllegalStateException(compiler + " does not build the stand-in " + library.getFileName()
                        + ": " + output);
            }
        } catch (final InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted", e);
        }
        return true;
    }
}
