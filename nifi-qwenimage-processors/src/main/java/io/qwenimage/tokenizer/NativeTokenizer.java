package io.qwenimage.tokenizer;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import io.qwenimage.weights.WeightException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * One tokenizer of Hugging Face's native library. Only the library and its native methods are used of DJL, not DJL's
 * own loader: that fetches other builds from the network where it finds a GPU, counts its uses, keeps a cache in the
 * user's home, and fails in the second of two class loaders. Here each class loader loads a copy of its own out of the
 * jar, which is deleted as soon as it is mapped. Safe for use by several threads.
 */
final class NativeTokenizer implements AutoCloseable {
    private static final String FAILURE = load();

    private final ReadWriteLock lock = new ReentrantReadWriteLock();
    private long handle;

    private NativeTokenizer(final long handle) {
        this.handle = handle;
    }

    /**
     * Makes a tokenizer.
     *
     * @param origin for messages
     * @param json   in the form of tokenizer.json
     * @throws WeightException       if the library refuses it
     * @throws IllegalStateException if the library cannot be loaded on this machine
     */
    static NativeTokenizer create(final String origin, final String json) {
        if (FAILURE != null) {
            throw new IllegalStateException(FAILURE);
        }
        try {
            return new NativeTokenizer(TokenizersLibrary.LIB.createTokenizerFromString(json));
        } catch (RuntimeException e) {
            throw new WeightException("tokenizer " + origin + " is refused by the tokenizers library: " + e.getMessage()
                    + ". Download the tokenizer's folder again", e);
        }
    }

    /** Token ids of a text without unpaired surrogates. */
    int[] encode(final String text) {
        lock.readLock().lock();
        try {
            final long encoding = TokenizersLibrary.LIB.encode(requireOpen(), text, true);
            try {
                final long[] ids = TokenizersLibrary.LIB.getTokenIds(encoding);
                final int[] narrowed = new int[ids.length];
                for (int i = 0; i < ids.length; i++) {
                    narrowed[i] = (int) ids[i];
                }
                return narrowed;
            } finally {
                TokenizersLibrary.LIB.deleteEncoding(encoding);
            }
        } finally {
            lock.readLock().unlock();
        }
    }

    /** The text of token ids; ids that stand for nothing are left out. */
    String decode(final int[] ids, final boolean skipSpecialTokens) {
        final long[] widened = new long[ids.length];
        for (int i = 0; i < ids.length; i++) {
            widened[i] = ids[i];
        }
        lock.readLock().lock();
        try {
            return TokenizersLibrary.LIB.decode(requireOpen(), widened, skipSpecialTokens);
        } finally {
            lock.readLock().unlock();
        }
    }

    @Override
    public void close() {
        lock.writeLock().lock();
        try {
            if (handle != 0) {
                TokenizersLibrary.LIB.deleteTokenizer(handle);
                handle = 0;
            }
        } finally {
            lock.writeLock().unlock();
        }
    }

    private long requireOpen() {
        if (handle == 0) {
            throw new IllegalStateException("the tokenizer is closed");
        }
        return handle;
    }

    /** Loads the library; the fault in words if it cannot be loaded, else null. */
    private static String load() {
        final String platform = platform();
        try {
            final Path folder = Files.createTempDirectory("qwenimage-tokenizers-");
            try {
                for (final String library : libraries(platform)) {
                    load(platform, folder, library);
                }
            } finally {
                if (!platform.startsWith("win")) {
                    Files.deleteIfExists(folder);
                }
            }
            return null;
        } catch (IOException | UnsatisfiedLinkError e) {
            return "the native tokenizers library cannot be loaded on " + platform + ": " + e.getMessage()
                    + ". It needs Linux (x86_64 or aarch64, glibc 2.34 or later), macOS on aarch64 or Windows on x86_64"
                    + ", and a temporary folder in which programs may run; another one is set by "
                    + "-Djava.io.tmpdir";
        }
    }

    private static void load(final String platform, final Path folder, final String library) throws IOException {
        final String resource = "native/lib/" + platform + "/cpu/" + library;
        final Path file = folder.resolve(library);
        try (InputStream in = TokenizersLibrary.class.getClassLoader().getResourceAsStream(resource)) {
            if (in == null) {
                throw new IOException("there is no build of it for this platform (" + resource + ")");
            }
            Files.copy(in, file);
            System.load(file.toString());
        } finally {
            delete(platform, file);
        }
    }

    /** Deletes a library that is mapped by now; Windows allows that only at the end of the process. */
    private static void delete(final String platform, final Path file) throws IOException {
        if (platform.startsWith("win")) {
            file.getParent().toFile().deleteOnExit();
            file.toFile().deleteOnExit();
        } else {
            Files.deleteIfExists(file);
        }
    }

    private static String platform() {
        final String system = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        final String name = system.startsWith("mac") ? "osx" : system.startsWith("win") ? "win" : system;
        final String processor = System.getProperty("os.arch");
        return name + "-" + (processor.equals("amd64") ? "x86_64" : processor);
    }

    private static List<String> libraries(final String platform) {
        final String library = System.mapLibraryName("tokenizers");
        return platform.startsWith("win")
                ? List.of("libwinpthread-1.dll", "libgcc_s_seh-1.dll", "libstdc++-6.dll", library) : List.of(library);
    }
}
