package io.qwenimage.kernels.driver;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

class LaunchGeometryTest {
    @Test
    void testWords() {
        final LaunchGeometry geometry = LaunchGeometry.of(6, 2, 3, 64, 1024).withBlock(8, 4, 2).withCluster(3);
        assertEquals("grid 6 x 2 x 3, block 8 x 4 x 2, 1024 bytes of dynamic shared memory, clusters of 3",
                geometry.toString());
        assertEquals(64, geometry.threads());
        assertEquals("grid 5 x 1 x 1, block 32 x 1 x 1, 0 bytes of dynamic shared memory",
                LaunchGeometry.of(5, 32).toString());
    }

    @Test
    void testLimits() {
        refuse("grid 0 x 1 x 1 is outside of 1 to 2147483647 x 65535 x 65535 blocks", () -> LaunchGeometry.of(0, 32));
        refuse("grid 1 x 65536 x 1 is outside of 1 to 2147483647 x 65535 x 65535 blocks",
                () -> LaunchGeometry.of(1, 65536, 1, 32, 0));
        refuse("2147483648 blocks along x are more than 2147483647", () -> LaunchGeometry.of(1L << 31, 32));
        refuse("block 1025 x 1 x 1 is outside of 1 to 1024 threads, at most 64 along z", () ->
                LaunchGeometry.of(1, 1025));
        refuse("block 1 x 1 x 65 is outside of 1 to 1024 threads, at most 64 along z",
                () -> LaunchGeometry.of(1, 1).withBlock(1, 1, 65));
        refuse("dynamic shared memory of -1 bytes", () -> LaunchGeometry.of(1, 1, 1, 1, -1));
        refuse("grid of 5 blocks along x does not divide into clusters of 2", () ->
                LaunchGeometry.of(5, 1).withCluster(2));
    }

    private static void refuse(final String message, final Runnable action) {
        assertEquals(message, assertThrows(IllegalArgumentException.class, action::run).getMessage());
    }
}
