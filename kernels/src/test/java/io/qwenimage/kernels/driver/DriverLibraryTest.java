package io.qwenimage.kernels.driver;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;

import com.sun.jna.Native;
import io.qwenimage.kernels.standin.PosedDevice;
import io.qwenimage.kernels.standin.StandIn;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import jcuda.driver.JCudaDriver;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** JCuda's library in several class loaders of one process, as NiFi has them when a bundle is loaded anew. */
class DriverLibraryTest {
    @BeforeEach
    void setUp() {
        StandIn.install().setUp(1, PosedDevice.a100());
    }

    @Test
    void testSeveralClassLoaders() throws IOException, ReflectiveOperationException {
        final String temporary = System.getProperty("java.io.tmpdir");
        final URL[] path = {location(CudaDevice.class), location(JCudaDriver.class), location(Native.class)};
        for (int round = 0; round < 3; round++) {
            try (URLClassLoader loader = new URLClassLoader(path, ClassLoader.getPlatformClassLoader())) {
                final Class<?> type = loader.loadClass(CudaDevice.class.getName());
                assertNotSame(CudaDevice.class, type);
                final List<?> devices = (List<?>) type.getMethod("list").invoke(null);
                assertEquals(1, devices.size());
            }
        }
        assertEquals(temporary, System.getProperty("java.io.tmpdir"));
    }

    @Test
    void testNothingIsLeftInTheTemporaryFolder() throws IOException {
        CudaDevice.list();
        try (Stream<Path> files = Files.list(Path.of(System.getProperty("java.io.tmpdir")))) {
            final String own = "qwenimage-jcuda-" + ProcessHandle.current().pid() + "-";
            assertEquals(List.of(), files.filter(file -> file.getFileName().toString().startsWith(own)).toList());
        }
    }

    private static URL location(final Class<?> type) {
        return type.getProtectionDomain().getCodeSource().getLocation();
    }
}
