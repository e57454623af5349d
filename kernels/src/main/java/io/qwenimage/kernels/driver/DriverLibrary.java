package io.qwenimage.kernels.driver;

import com.sun.jna.Function;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/**
 * Loads the CUDA driver's library and JCuda's, once per class loader.
 *
 * <p>JCuda first asks for its library on the library path. Failing that it unpacks it to a fixed name in the temporary
 * folder, where a second class loader cannot load it and a stale file of another version would be taken for it. So it
 * is given a temporary folder of its own for that moment, which is deleted once the library is loaded.
 */
final class DriverLibrary {
    /** The name under which every NVIDIA driver installs the library of the driver API on Linux. */
    static final String NAME = "libcuda.so.1";
    private static final String TEMPORARY_FOLDER = "java.io.tmpdir";
    private static final int BIND_NOW = 2;
    /** Why the library cannot be used, or null. */
    private static final CudaUnavailableException FAILURE = load();

    private DriverLibrary() {
    }

    /**
     * Returns if the driver's functions can be called.
     *
     * @throws CudaUnavailableException if there is no driver, it does not serve, or it has no device
     */
    static void require() {
        if (FAILURE != null) {
            throw new CudaUnavailableException(FAILURE.getMessage(), FAILURE);
        }
    }

    /** A function of the driver that JCuda does not bind. */
    static Function function(final String name) {
        require();
        // By the dynamic loader's own table, so that it is the library that JCuda is linked to, wherever it came from.
        final NativeLibrary process = NativeLibrary.getProcess();
        final Pointer library = process.getFunction("dlopen").invokePointer(new Object[] {NAME, BIND_NOW});
        final Pointer symbol = library == null ? null
                : process.getFunction("dlsym").invokePointer(new Object[] {library, name});
        if (symbol == null) {
            throw new CudaUnavailableException("The CUDA driver has no " + name + ": it is older than 12.0; update it");
        }
        return Function.getFunction(symbol);
    }

    private static CudaUnavailableException load() {
        try {
            loadInOwnFolder();
            final int result = JCudaDriver.cuInit(0);
            return result == CUresult.CUDA_SUCCESS ? null : new CudaUnavailableException(
                    "CUDA is not offered: the driver answers " + CUresult.stringFor(result) + " to cuInit; "
                    + "check the devices with nvidia-smi");
        } catch (final IOException e) {
            return new CudaUnavailableException("CUDA is not offered: JCuda's library cannot be unpacked ("
                    + e.getMessage() + "); make the folder of " + TEMPORARY_FOLDER + " writable", e);
        } catch (final LinkageError e) {
            final boolean missing = String.valueOf(e.getMessage()).contains(NAME);
            return new CudaUnavailableException(missing
                    ? "CUDA is not offered: " + NAME + " is not on this machine; it comes with NVIDIA's driver"
                    : "CUDA is not offered: JCuda's library does not load on " + System.getProperty("os.name") + " "
                    + System.getProperty("os.arch") + "; it exists for Linux on x86-64", e);
        }
    }

    private static void loadInOwnFolder() throws IOException {
        final Path folder = Files.createTempDirectory(
                "qwenimage-jcuda-" + ProcessHandle.current().pid() + "-");
        // The lock is one that all class loaders share, for the property belongs to the whole process.
        synchronized (Runtime.getRuntime()) {
            final String before = System.getProperty(TEMPORARY_FOLDER);
            System.setProperty(TEMPORARY_FOLDER, folder.toString());
            try {
                JCudaDriver.setExceptionsEnabled(false);
            } finally {
                System.setProperty(TEMPORARY_FOLDER, before);
                delete(folder);
            }
        }
    }

    /** A loaded library stays mapped when its file is gone. */
    private static void delete(final Path folder) throws IOException {
        final List<Path> files;
        try (Stream<Path> walk = Files.walk(folder)) {
            files = walk.sorted(Comparator.reverseOrder()).toList();
        }
        for (final Path file : files) {
            Files.deleteIfExists(file);
        }
    }
}
