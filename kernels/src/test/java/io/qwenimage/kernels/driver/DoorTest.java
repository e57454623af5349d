package io.qwenimage.kernels.driver;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** The launch layer is the only part of the product that knows JCuda and JNA. */
class DoorTest {
    private static final Path DRIVER = Path.of("io", "qwenimage", "kernels", "driver");
    private static final List<String> NATIVE = List.of("jcuda/", "com/sun/jna/");

    @Test
    void testNativeBindingsStayInTheLaunchLayer() throws IOException, URISyntaxException {
        final Path root = Path.of(CudaDevice.class.getProtectionDomain().getCodeSource().getLocation().toURI());
        Assumptions.assumeTrue(Files.isDirectory(root), "the classes lie in a jar");
        final List<Path> all;
        try (Stream<Path> walk = Files.walk(root)) {
            all = walk.filter(file -> file.toString().endsWith(".class")).toList();
        }
        final List<Path> inside = all.stream().filter(file -> root.relativize(file).startsWith(DRIVER)).toList();
        final List<Path> outside = all.stream().filter(file -> !inside.contains(file)).toList();
        assertFalse(outside.isEmpty());
        assertEquals(List.of(), outside.stream().filter(DoorTest::isNative).toList());
        // The same look finds them where they may be.
        assertTrue(inside.stream().filter(DoorTest::isNative).count() > 10);
    }

    /** Names of classes stand in the constant pool as they are. */
    private static boolean isNative(final Path file) {
        try {
            final String content = new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1);
            return NATIVE.stream().anyMatch(content::contains);
        } catch (final IOException e) {
            throw new IllegalStateException(e);
        }
    }
}
