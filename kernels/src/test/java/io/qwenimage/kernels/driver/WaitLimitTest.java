package io.qwenimage.kernels.driver;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.kernels.standin.StandIn;
import io.qwenimage.kernels.standin.StandInCheck;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What waits for the device comes to an end, whatever a kernel does; without the limit the driver would be left to wait. */
@ExtendWith(StandInCheck.class)
@Timeout(60)
class WaitLimitTest {
    private static final long BUDGET = 1L << 20;
    private static final Duration NONE = Duration.ZERO;
    private static final Duration AMPLE = Duration.ofMinutes(10);

    private final StandIn standIn = StandIn.install();

    /** The ways in which the host waits, some of them inside the driver if nobody waited before. */
    private enum Wait {
        STREAM {
            @Override
            void run(final CudaDevice device, final CudaStream stream, final CudaEvent event) {
                stream.synchronize();
            }
        },
        EVENT {
            @Override
            void run(final CudaDevice device, final CudaStream stream, final CudaEvent event) {
                event.synchronize();
            }
        },
        DEVICE {
            @Override
            void run(final CudaDevice device, final CudaStream stream, final CudaEvent event) {
                device.synchronize();
            }
        },
        DOWNLOAD {
            @Override
            void run(final CudaDevice device, final CudaStream stream, final CudaEvent event) {
                try (DeviceBuffer x = stream.allocate(4)) {
                    Bytes.download(stream, x);
                }
            }
        },
        FREEING {
            @Override
            void run(final CudaDevice device, final CudaStream stream, final CudaEvent event) {
                stream.allocate(4).close();
                device.memory().trim();
            }
        },
        STREAMS_END {
            @Override
            void run(final CudaDevice device, final CudaStream stream, final CudaEvent event) {
                stream.close();
            }
        };

        abstract void run(CudaDevice device, CudaStream stream, CudaEvent event);
    }

    @ParameterizedTest
    @EnumSource(Wait.class)
    void testWaitForKernelThatNeverEnds(final Wait wait) {
        standIn.faults().hangLaunchAfter(0);
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            device.limitWaits(NONE);
            final CudaStream stream = device.openStream();
            final CudaEvent event = device.openEvent();
            launch(device, stream, stream.allocate(4));
            event.record(stream);

            final DeviceLostException error = assertThrows(DeviceLostException.class,
                    () -> wait.run(device, stream, event));
            assertTrue(error.getMessage().contains("came to no end"), error.getMessage());
            assertEquals(error.getMessage(), device.loss().orElseThrow().getMessage());
        }
    }

    @Test
    void testWaitForWorkThatEnds() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            device.limitWaits(AMPLE);
            final CudaStream stream = device.openStream();
            try (DeviceBuffer x = stream.allocate(8)) {
                stream.upload(Bytes.of(1, 2), x);
                final long waits = standIn.books().waits();
                launch(device, stream, x);
                stream.synchronize();
                assertEquals(waits, standIn.books().waits(), "the driver is asked, and never left to wait");
                assertArrayEquals(new float[] {2, 4}, Bytes.download(stream, x));
            }
            assertTrue(device.loss().isEmpty());
        }
    }

    @Test
    void testInterruptionIsKeptUntilTheWorkHasRun() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            device.limitWaits(AMPLE);
            final CudaStream stream = device.openStream();
            try (DeviceBuffer x = stream.allocate(8)) {
                stream.upload(Bytes.of(1, 2), x);
                launch(device, stream, x);
                Thread.currentThread().interrupt();
                assertArrayEquals(new float[] {2, 4}, Bytes.download(stream, x));
                assertTrue(Thread.interrupted(), "who was interrupted finds out");
            }
        }
    }

    @Test
    void testManyLaunchesNeverFillTheDriversQueue() {
        standIn.faults().hangLaunchAfter(0);
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            device.limitWaits(NONE);
            final CudaStream stream = device.openStream();
            final DeviceBuffer x = stream.allocate(8);
            final DeviceLostException error = assertThrows(DeviceLostException.class, () -> {
                for (int launch = 0; launch < 10_000; launch++) {
                    launch(device, stream, x);
                }
            });
            assertTrue(error.getMessage().contains("came to no end"), error.getMessage());
            assertTrue(standIn.books().launches() <= 1024, () -> standIn.books().launches() + " launches under way");
        }
    }

    @Test
    void testManyLaunchesThatEnd() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            device.limitWaits(AMPLE);
            final CudaStream stream = device.openStream();
            try (DeviceBuffer x = stream.allocate(8)) {
                stream.upload(Bytes.of(0, 0), x);
                for (int launch = 0; launch < 1500; launch++) {
                    launch(device, stream, x);
                }
                assertArrayEquals(new float[] {0, 0}, Bytes.download(stream, x));
            }
            assertFalse(device.isLost());
        }
        assertEquals(List.of(), standIn.open());
    }

    /** Doubles two numbers. */
    private static void launch(final CudaDevice device, final CudaStream stream, final DeviceBuffer x) {
        device.module("vector_add").kernel("vector_add_f32").launch(stream, LaunchGeometry.of(1, 32),
                new KernelArguments().pointer(x).pointer(x).pointer(x).i32(2));
    }
}
