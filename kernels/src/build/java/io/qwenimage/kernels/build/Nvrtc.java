package io.qwenimage.kernels.build;

import com.sun.jna.Function;
import com.sun.jna.Memory;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.LongByReference;
import com.sun.jna.ptr.PointerByReference;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.ref.Reference;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * NVIDIA's runtime compiler, reached by JNA. It needs no GPU, no driver and no toolkit: the libraries come from the
 * jar {@code org.bytedeco:cuda-redist} on the class path and are unpacked once into a folder that lasts. One program is
 * compiled at a time, whatever the number of threads: the library holds a lock.
 */
public final class Nvrtc {
    private static final List<String> LIBRARIES = List.of("libnvrtc-builtins.so.13.1", "libnvrtc.so.13");

    private final NativeLibrary library;
    private final NativeLibrary builtins;

    private Nvrtc(final NativeLibrary library, final NativeLibrary builtins) {
        this.library = library;
        this.builtins = builtins;
    }

    /**
     * What a compilation gave.
     *
     * @param cubin machine code, empty for a virtual architecture ({@code compute_80})
     * @param ptx   the text of the PTX
     * @param log   what the compiler and the assembler said
     */
    public record Program(byte[] cubin, String ptx, String log) {
    }

    /** A source that does not compile; the message is the compiler's log. */
    public static final class CompilationException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        CompilationException(final String message) {
            super(message);
        }
    }

    /**
     * The name of the jar that holds the compiler, which stands for its version.
     *
     * @throws IllegalStateException if the class path has none for this platform
     */
    public static String version() {
        final String jar = location(LIBRARIES.getFirst()).getPath().split("!")[0];
        return jar.substring(jar.lastIndexOf('/') + 1).replace(".jar", "");
    }

    static boolean isAvailable() {
        return Nvrtc.class.getClassLoader().getResource(resource(LIBRARIES.getFirst())) != null;
    }

    /**
     * Loads the compiler.
     *
     * @param folder where the libraries are unpacked, unless they lie there
     */
    public static Nvrtc load(final Path folder) {
        final Path target = folder.resolve(version());
        for (final String name : LIBRARIES) {
            unpack(location(name), target.resolve(name));
        }
        // The compiler opens its built-in functions by their bare name: found only while they are loaded, which JNA
        // sees to as long as somebody holds them.
        final NativeLibrary builtins = NativeLibrary.getInstance(target.resolve(LIBRARIES.getFirst()).toString());
        return new Nvrtc(NativeLibrary.getInstance(target.resolve(LIBRARIES.getLast()).toString()), builtins);
    }

    /**
     * Compiles one source.
     *
     * @param name    appears in messages
     * @param headers by the name with which they are included
     * @throws CompilationException if it does not compile
     */
    public synchronized Program compile(final String name, final String source, final Map<String, String> headers,
            final List<String> options) {
        final PointerByReference program = new PointerByReference();
        check("nvrtcCreateProgram", program, source, name, headers.size(),
                headers.values().toArray(String[]::new), headers.keySet().toArray(String[]::new));
        try {
            final int result = call("nvrtcCompileProgram", program.getValue(), options.size(),
                    options.toArray(String[]::new));
            final String log = new String(bytes("ProgramLog", program.getValue()), StandardCharsets.UTF_8).strip()
                    .replace("\0", "");
            if (result != 0) {
                throw new CompilationException(name + " does not compile with " + options + ":\n" + log);
            }
            final String ptx = new String(bytes("PTX", program.getValue()), StandardCharsets.UTF_8).replace("\0", "");
            return new Program(bytes("CUBIN", program.getValue()), ptx, log);
        } finally {
            check("nvrtcDestroyProgram", program);
            Reference.reachabilityFence(builtins);
        }
    }

    private byte[] bytes(final String what, final Pointer program) {
        final LongByReference size = new LongByReference();
        check("nvrtcGet" + what + "Size", program, size);
        if (size.getValue() == 0) {
            return new byte[0];
        }
        try (Memory memory = new Memory(size.getValue())) {
            check("nvrtcGet" + what, program, memory);
            return memory.getByteArray(0, Math.toIntExact(size.getValue()));
        }
    }

    private void check(final String function, final Object... arguments) {
        final int result = call(function, arguments);
        if (result != 0) {
            throw new IllegalStateException(function + " failed with nvrtcResult " + result);
        }
    }

    private int call(final String function, final Object... arguments) {
        final Function entry = library.getFunction(function);
        return entry.invokeInt(arguments);
    }

    private static URL location(final String name) {
        final URL url = Nvrtc.class.getClassLoader().getResource(resource(name));
        if (url == null) {
            throw new IllegalStateException("The class path has no " + resource(name)
                    + ": add org.bytedeco:cuda-redist with the classifier of this platform");
        }
        return url;
    }

    private static String resource(final String name) {
        final String machine = System.getProperty("os.arch").equals("aarch64") ? "arm64" : "x86_64";
        final String system = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        return "org/bytedeco/cuda/" + system + "-" + machine + "/" + name;
    }

    private static void unpack(final URL from, final Path to) {
        if (Files.exists(to)) {
            return;
        }
        try (InputStream stream = from.openStream()) {
            Files.createDirectories(to.getParent());
            final Path part = Files.createTempFile(to.getParent(), to.getFileName().toString(), ".part");
            Files.copy(stream, part, StandardCopyOption.REPLACE_EXISTING);
            Files.move(part, to, StandardCopyOption.ATOMIC_MOVE);
        } catch (final IOException e) {
            throw new UncheckedIOException("NVRTC cannot be unpacked to " + to, e);
        }
    }
}
