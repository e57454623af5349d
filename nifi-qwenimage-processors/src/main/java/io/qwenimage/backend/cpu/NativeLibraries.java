package io.qwenimage.backend.cpu;

import com.sun.jna.Function;
import com.sun.jna.NativeLibrary;
import com.sun.jna.NativeLong;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.javacpp.Loader;

/** Loads oneDNN and finds the thread control of the OpenMP library that it is bound to. */
final class NativeLibraries {
    private static final String CACHE_PROPERTY = "org.bytedeco.javacpp.cachedir";
    private static final String PHYSICAL_LIMIT_PROPERTY = "org.bytedeco.javacpp.maxPhysicalBytes";

    private static final int MADV_HUGEPAGE = 14;

    private NativeLibraries() {
    }

    /**
     * Loads oneDNN; later calls do nothing.
     *
     * @param folder where the library is unpacked, or null for a folder of the user's cache
     * @throws IllegalStateException if there is no library for this platform
     */
    static void load(final Path folder) {
        if (System.getProperty(CACHE_PROPERTY) == null) {
            System.setProperty(CACHE_PROPERTY, (folder == null ? defaultFolder() : folder).toString());
        }
        if (System.getProperty(PHYSICAL_LIMIT_PROPERTY) == null) {
            // Without this JavaCPP refuses small allocations once weights fill more than four times the Java heap.
            System.setProperty(PHYSICAL_LIMIT_PROPERTY, "0");
        }
        try {
            Loader.load(dnnl.class);
        } catch (final UnsatisfiedLinkError | NoClassDefFoundError | ExceptionInInitializerError e) {
            throw new IllegalStateException("oneDNN cannot be loaded on " + Loader.getPlatform() + " (" + e.getMessage()
                    + "); add the artifacts javacpp, opencl and dnnl of org.bytedeco with the classifier "
                    + Loader.getPlatform() + " to the class path, or use another device", e);
        }
    }

    /**
     * The function {@code omp_set_num_threads} of the OpenMP library that oneDNN uses, or null if it has another
     * threading. It is looked up through oneDNN's own handle because a process may hold several OpenMP libraries.
     */
    static Function openMpThreadControl() {
        for (final Map.Entry<String, String> library : Loader.getLoadedLibraries().entrySet()) {
            if (library.getKey().contains("dnnl") && !library.getKey().contains("jni") && library.getValue() != null) {
                try {
                    return NativeLibrary.getInstance(library.getValue()).getFunction("omp_set_num_threads");
                } catch (final UnsatisfiedLinkError e) {
                    return null;
                }
            }
        }
        return null;
    }

    /**
     * Asks Linux to back memory by huge pages: faults and address translation cost less. Elsewhere nothing happens, and
     * a refusal does no harm.
     */
    static void preferHugePages(final long address, final long bytes) {
        if (com.sun.jna.Platform.isLinux()) {
            NativeLibrary.getInstance(null).getFunction("madvise").invokeInt(
                    new Object[] {new com.sun.jna.Pointer(address), new NativeLong(bytes), MADV_HUGEPAGE});
        }
    }

    /** Bytes of the machine's main memory. */
    static long physicalMemory() {
        return ManagementFactory.getOperatingSystemMXBean() instanceof com.sun.management.OperatingSystemMXBean system
                ? system.getTotalMemorySize() : Runtime.getRuntime().maxMemory();
    }

    private static Path defaultFolder() {
        final String cache = System.getenv("XDG_CACHE_HOME");
        final Path home = Path.of(System.getProperty("user.home"));
        final boolean windows = System.getProperty("os.name").toLowerCase(Locale.ROOT).contains("windows");
        final Path base = cache != null && !cache.isBlank() ? Path.of(cache)
                : windows ? home.resolve("AppData").resolve("Local") : home.resolve(".cache");
        return base.resolve("nifi-qwenimage").resolve("native");
    }
}
