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
 * Builds {@code libcuda.so.1} with the system's C compiler and loads it. The dynamic loader knows a library by its own
 * name, so whatever is linked to {@code libcuda.so.1} and loaded later is bound to this one.
 */
final class StandInLibrary {
    private static final String SOURCE = "/standin_cuda.c";
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
     * @param receiver answers all calls from now on; it must stay reachable
     * @return the library, which is unloaded when it is not reachable any more
     * @throws LackException if this machine cannot have a stand-in
     */
    static NativeLibrary load(final Receiver receiver) {
        if (!System.getProperty("os.name").startsWith("Linux")) {
            throw new LackException("The kernels' tests run on Linux only: the stand-in takes the place of "
                    + "libcuda.so.1 in "
                    + "the dynamic loader, and JCuda's library exists for no other system that has one");
        }
        try {
            final Path folder = Files.createTempDirectory("stand-in-libcuda-");
            try {
                final NativeLibrary library = NativeLibrary.getInstance(build(folder).toString());
                library.getFunction("standin_connect").invokeVoid(new Object[] {receiver});
                return library;
            } finally {
                deleteAll(folder);
            }
        } catch (final IOException e) {
            throw new IllegalStateException("the stand-in libcuda.so.1 cannot be built", e);
        }
    }

    private static Path build(final Path folder) throws IOException {
        final Path source = folder.resolve("standin_cuda.c");
        try (InputStream text = StandInLibrary.class.getResourceAsStream(SOURCE)) {
            Files.copy(text, source, StandardCopyOption.REPLACE_EXISTING);
        }
        final Path library = folder.resolve("libcuda.so.1");
        for (final String compiler : COMPILERS) {
            if (compile(compiler, source, library)) {
                return library;
            }
        }
        throw new LackException("The kernels' tests need a C compiler for the stand-in libcuda.so.1: none of "
                + COMPILERS
                + " is on the path. Install one, for instance the package gcc");
    }

    private static boolean compile(final String compiler, final Path source, final Path library) throws IOException {
        final Process process;
        try {
            process = new ProcessBuilder(compiler, "-shared", "-fPIC", "-O1", "-Wl,-soname,libcuda.so.1", "-o",
                    library.toString(), source.toString()).redirectErrorStream(true).start();
        } catch (final IOException e) {
            // Not installed.
            return false;
        }
        final String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        try {
            if (process.waitFor() != 0) {
                throw new IllegalStateException(compiler + " does not build the stand-in libcuda.so.1: " + output);
            }
        } catch (final InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted", e);
        }
        return true;
    }

    private static void deleteAll(final Path folder) throws IOException {
        for (final String name : List.of("standin_cuda.c", "libcuda.so.1")) {
            Files.deleteIfExists(folder.resolve(name));
        }
        Files.delete(folder);
    }
}
