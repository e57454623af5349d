package io.qwenimage.kernels.driver;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.kernels.standin.PosedDevice;
import io.qwenimage.kernels.standin.StandIn;
import io.qwenimage.kernels.standin.StandInCheck;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(StandInCheck.class)
class KernelModuleTest {
    private static final long BUDGET = 1L << 20;
    private static final String PTX = """
            .version %s
            .target sm_80
            .address_size 64
            .visible .entry nothing() { ret; }
            """;

    private final StandIn standIn = StandIn.install();

    @Test
    void testModulesAndKernelsAreLoadedOnce() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            final KernelModule module = device.module("vector_add");
            assertSame(module, device.module("vector_add"));
            assertSame(module.kernel("vector_add_f32"), module.kernel("vector_add_f32"));
            assertEquals("vector_add", module.name());
            assertEquals("vector_add.sm_80.cubin", module.image());
        }
    }

    @Test
    void testUnknownKernel() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            final KernelModule module = device.module("vector_add");
            final IllegalArgumentException error = assertThrows(IllegalArgumentException.class,
                    () -> module.kernel("vector_add_bf16"));
            assertEquals("kernel module vector_add.sm_80.cubin has no kernel vector_add_bf16", error.getMessage());
        }
    }

    @Test
    void testUnknownModule() {
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            assertThrows(IllegalArgumentException.class, () -> device.module("nothing"));
        }
    }

    @Test
    void testFallbackToPtx() {
        standIn.setUp(1, PosedDevice.of(12, 1));
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            final KernelModule module = device.module("vector_add");
            assertEquals("vector_add.ptx", module.image());
            final CudaStream stream = device.openStream();
            try (DeviceBuffer x = stream.allocate(8)) {
                stream.upload(Bytes.of(1, 2), x);
                module.kernel("vector_add_f32").launch(stream, LaunchGeometry.of(1, 32),
                        new KernelArguments().pointer(x).pointer(x).pointer(x).i32(2));
                assertArrayEquals(new float[] {2, 4}, Bytes.download(stream, x));
            }
        }
    }

    @Test
    void testFallbackOnADriverOlderThanTheCompiler() {
        standIn.setUp(1, 12030, PosedDevice.of(12, 1));
        try (CudaDevice device = CudaDevice.open(0, BUDGET)) {
            for (final String module : List.of("norm", "rope", "attention_general", "matvec", "sampling")) {
                assertEquals(module + ".ptx", device.module(module).image());
            }
        }
    }

    @Test
    void testDriverOlderThanThePtx() {
        standIn.setUp(1, 12040, PosedDevice.a100());
        final Map<String, byte[]> images = Map.of("own.ptx", PTX.formatted("8.5").getBytes(StandardCharsets.UTF_8));
        try (CudaDevice device = CudaDevice.openForDebugging(0, BUDGET, images)) {
            final CudaException error = assertThrows(CudaException.class, () -> device.module("own"));
            assertEquals("loading own.ptx (the driver is older than the image; update the driver) failed on Stand-in "
                    + "A100 "
                    + "(device 0, compute capability 8.0): CUDA_ERROR_UNSUPPORTED_PTX_VERSION (the provided PTX was "
                    + "compiled with an unsupported toolchain.)", error.getMessage());
        }
        standIn.clearFindings();
    }

    @Test
    void testImagesOfTheCaller() {
        final Map<String, byte[]> images =
                Map.of("vector_add.ptx", PTX.formatted("8.0").getBytes(StandardCharsets.UTF_8));
        try (CudaDevice device = CudaDevice.openForDebugging(0, BUDGET, images)) {
            final KernelModule module = device.module("vector_add");
            final CudaStream stream = device.openStream();
            module.kernel("nothing").launch(stream, LaunchGeometry.of(3, 64), new KernelArguments());
            stream.synchronize();
            assertEquals("nothing", standIn.runs().get(0).kernel());
            assertThrows(IllegalArgumentException.class, () -> module.kernel("vector_add_f32"));
        }
    }

    @Test
    void testPtxThatCannotBeCompiledSaysWhere() {
        final String broken = PTX.formatted("8.0").replace("ret;", "ret");
        final Map<String, byte[]> images = Map.of("own.ptx", broken.getBytes(StandardCharsets.UTF_8));
        try (CudaDevice device = CudaDevice.openForDebugging(0, BUDGET, images)) {
            final CudaException error = assertThrows(CudaException.class, () -> device.module("own"));
            assertEquals("CUDA_ERROR_INVALID_PTX", error.errorName());
            assertTrue(error.getMessage().startsWith("loading own.ptx [PTX line 4"), error.getMessage());
        }
        standIn.clearFindings();
    }
}
