package io.qwenimage.backend.cuda;

import com.sun.jna.NativeLibrary;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.cuda.global.cublas;
import org.bytedeco.javacpp.Loader;

/**
 * Finds NVIDIA's libraries and loads the bindings to them. The driver's own library comes with the driver; cuBLASLt and
 * what it needs come from the system, or from a folder.
 */
final class CudaLibraries {
    private static final String PHYSICAL_LIMIT_PROPERTY = "org.bytedeco.javacpp.maxPhysicalBytes";

    /** In the order of loading: each needs the ones before it. */
    private static final List<String> NAMES = List.of("libcudart.so.13", "libcublasLt.so.13", "libcublas.so.13");

    private CudaLibraries() {
    }

    /**
     * Loads cuBLASLt; later calls do nothing.
     *
     * @param folder where the libraries lie, or null for where the system finds them
     * @throws IllegalStateException if one is missing; the message names the package that brings it
     */
    static void load(final Path folder) {
        if (System.getProperty(PHYSICAL_LIMIT_PROPERTY) == null) {
            // Without this JavaCPP refuses small allocations once weights fill more than four times the Java heap.
            System.setProperty(PHYSICAL_LIMIT_PROPERTY, "0");
        }
        if (folder != null) {
            // Loaded by path, they are what the bindings find under their names, wherever the system looks for them.
            NAMES.forEach(name -> preload(folder.resolve(name)));
        }
        try {
            Loader.load(cublas.class);
        } catch (final UnsatisfiedLinkError | NoClassDefFoundError | ExceptionInInitializerError e) {
            throw new IllegalStateException("cuBLASLt of CUDA 13 cannot be loaded (" + e.getMessage() + "); install it "
                    + "(Debian, Ubuntu: libcublas-13-1 and cuda-cudart-13-1 of NVIDIA's repository; or the wheels "
                    + "nvidia-cublas and nvidia-cuda-runtime) and name its folder if the system does not find it", e);
        }
    }

    private static void preload(final Path library) {
        if (!Files.isReadable(library)) {
            throw new IllegalStateException("the CUDA library folder " + library.getParent() + " holds no "
                    + library.getFileName() + "; name the folder that does");
        }
        try {
            NativeLibrary.getInstance(library.toAbsolutePath().toString());
        } catch (final UnsatisfiedLinkError e) {
            throw new IllegalStateException(library + " cannot be loaded: " + e.getMessage(), e);
        }
    }
}
