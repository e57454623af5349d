package io.qwenimage.kernels.driver;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.kernels.standin.PosedDevice;
import io.qwenimage.kernels.standin.StandIn;
import io.qwenimage.kernels.standin.StandInCheck;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@ExtendWith(StandInCheck.class)
class MemoryPoolTest {
    private static final long BUDGET = 1L << 20;

    private final StandIn standIn = StandIn.install();

    @ParameterizedTest
    @CsvSource({"1, 512", "512, 512", "513, 1024", "4096, 4096", "4097, 4608", "9000, 9216", "65537, 73728",
            "1048576, 1048576", "1048577, 1179648", "3000000000, 3221225472"})
    void testBlockBytes(final long bytes, final long block) {
        assertEquals(block, MemoryPool.blockBytes(bytes));
    }

    @Test
    void testBlocksLoseAtMostAnEighth() {
        final Random random = new Random(5);
        for (int round = 0; round < 1000; round++) {
            final long bytes = random.nextLong(4096, 1L << 40);
            final long block = MemoryPool.blockBytes(bytes);
            assertTrue(block >= bytes && block <= bytes + bytes / 8 + 512, () -> bytes + " -> " + block);
            assertEquals(block, MemoryPool.blockBytes(block));
        }
    }

    @Test
    void testReuseOnTheSameStreamAllocatesNothing() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            final CudaStream stream = device.openStream();
            final long address;
            try (DeviceBuffer buffer = stream.allocate(1000)) {
                address = buffer.address();
                assertEquals(new MemoryBooks(BUDGET, 1024, 0, 1024, 1), device.memory().books());
            }
            assertEquals(new MemoryBooks(BUDGET, 0, 1024, 1024, 0), device.memory().books());
            final long waits = standIn.books().waits();
            try (DeviceBuffer buffer = stream.allocate(1024)) {
                assertEquals(address, buffer.address());
            }
            assertEquals(1, standIn.books().allocations());
            assertEquals(waits, standIn.books().waits());
        }
    }

    @Test
    void testAnotherStreamWaitsForTheBlockThatItTakes() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET); PinnedBuffer host = device.allocatePinned(1024)) {
            final CudaStream first = device.openStream();
            final CudaStream second = device.openStream();
            final DeviceBuffer buffer = first.allocate(1024);
            first.fill(buffer, (byte) 1);
            first.download(buffer, 0, host, 0, 1024);
            buffer.close();
            try (DeviceBuffer taken = second.allocate(1024)) {
                second.fill(taken, (byte) 2);
                // The second stream runs first, but not before the first has read what was its own.
                second.synchronize();
                first.synchronize();
                assertEquals(1, host.bytes().get(1023));
            }
            assertEquals(1, standIn.books().allocations());
        }
    }

    @Test
    void testClosingWaitsForOtherUsers() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET); PinnedBuffer host = device.allocatePinned(512)) {
            final CudaStream owner = device.openStream();
            final CudaStream user = device.openStream();
            final DeviceBuffer buffer = owner.allocate(512);
            owner.fill(buffer, (byte) 1);
            owner.synchronize();
            user.download(buffer, 0, host, 0, 512);
            buffer.usedOn(user);
            buffer.close();
            try (DeviceBuffer next = owner.allocate(512)) {
                owner.fill(next, (byte) 2);
                owner.synchronize();
                user.synchronize();
                assertEquals(1, host.bytes().get(0));
            }
        }
    }

    @Test
    void testBudgetIsSpent() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            final CudaStream stream = device.openStream();
            try (DeviceBuffer large = stream.allocate(BUDGET - 1024)) {
                final DeviceMemoryException error = assertThrows(DeviceMemoryException.class,
                        () -> stream.allocate(2000));
                assertEquals("2000 bytes were asked of Stand-in A100 (device 0, compute capability 8.0), but the "
                        + "budget does not hold it: free on the device " + ((40L << 30) - large.bytes() - 1024)
                        + ", budget 1048576, "
                        + "in use 1048576 in 1 buffers, pooled 0. A smaller picture, fewer requests at a time, a "
                        + "larger budget or the release of models helps", error.getMessage().replace(
                        "free on the device " + device.freeMemory(), "free on the device "
                        + ((40L << 30) - large.bytes() - 1024)));
                assertEquals(2000, error.requestedBytes());
                assertEquals(0, error.books().available());
            }
            stream.allocate(2000).close();
        }
    }

    @Test
    void testPooledBlocksMakeRoom() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            final CudaStream stream = device.openStream();
            stream.allocate(BUDGET / 2).close();
            stream.allocate(BUDGET / 4).close();
            try (DeviceBuffer buffer = stream.allocate(BUDGET)) {
                assertEquals(BUDGET, buffer.bytes());
                assertEquals(new MemoryBooks(BUDGET, BUDGET, 0, BUDGET, 1), device.memory().books());
            }
        }
    }

    @Test
    void testDeviceIsFullThoughTheBudgetIsNot() {
        standIn.setUp(1, PosedDevice.a100().withMemory(1 << 16));
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            final CudaStream stream = device.openStream();
            stream.allocate(1 << 15).close();
            // Trims the pool and succeeds.
            stream.allocate(1 << 16).close();
            final DeviceMemoryException error = assertThrows(DeviceMemoryException.class,
                    () -> stream.allocate(1 << 17));
            assertTrue(error.getMessage().contains("but the device has no more: free on the device 65536, budget "
                    + "1048576, in use 0 in 0 buffers, pooled 0"), error.getMessage());
            stream.allocate(1 << 16).close();
        }
    }

    @Test
    void testTrimGivesEverythingBack() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            final CudaStream stream = device.openStream();
            final long before = device.freeMemory();
            stream.allocate(3000).close();
            assertNotEquals(before, device.freeMemory());
            device.memory().trim();
            assertEquals(before, device.freeMemory());
            assertEquals(new MemoryBooks(BUDGET, 0, 0, 3072, 0), device.memory().books());
        }
    }

    @Test
    void testBlocksOutliveTheirStream() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            final CudaStream first = device.openStream();
            first.allocate(600).close();
            final DeviceBuffer open = first.allocate(2000);
            first.close();
            try (CudaStream second = device.openStream(); DeviceBuffer buffer = second.allocate(600)) {
                open.close();
                open.close();
                assertEquals(600, buffer.bytes());
                assertEquals(2, standIn.books().allocations());
                second.allocate(2000).close();
                assertEquals(2, standIn.books().allocations());
            }
        }
    }

    @Test
    void testForDebuggingEveryBufferIsAnAllocationOfItsSize() {
        try (CudaDevice device = CudaDevice.openForDebugging(0, BUDGET, Map.of())) {
            final CudaStream stream = device.openStream();
            stream.allocate(1001).close();
            assertEquals(new MemoryBooks(BUDGET, 0, 0, 1001, 0), device.memory().books());
            stream.allocate(1001).close();
            assertEquals(2, standIn.books().allocations());
        }
    }

    @Test
    void testClosedBufferHasNoAddress() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            final DeviceBuffer buffer = device.openStream().allocate(12);
            buffer.close();
            final IllegalStateException error = assertThrows(IllegalStateException.class, buffer::address);
            assertEquals("device buffer of 12 bytes is closed", error.getMessage());
        }
    }

    @Test
    void testNothingIsAsked() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            final CudaStream stream = device.openStream();
            final IllegalArgumentException error = assertThrows(IllegalArgumentException.class,
                    () -> stream.allocate(0));
            assertEquals("a buffer of 0 bytes; ask for at least one", error.getMessage());
        }
    }

    @Test
    void testManyStreamsInRandomOrderKeepTheirData() {
        final Random random = new Random(3);
        try (CudaDevice device = CudaDevice.open(0, 1L << 22)) {
            final CudaStream[] streams = {device.openStream(), device.openStream(), device.openStream()};
            for (int round = 0; round < 200; round++) {
                final CudaStream stream = streams[random.nextInt(streams.length)];
                try (DeviceBuffer buffer = stream.allocate(random.nextInt(1, 5) * 512)) {
                    final float[] values = {round, round + 1};
                    stream.upload(Bytes.of(values), buffer);
                    if (random.nextBoolean()) {
                        final ByteBuffer bytes = ByteBuffer.allocateDirect(8);
                        stream.download(buffer, bytes);
                        assertArrayEquals(values, Bytes.floats(bytes));
                    }
                }
            }
        }
    }
}
