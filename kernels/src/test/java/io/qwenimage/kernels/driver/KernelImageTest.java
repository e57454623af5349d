package io.qwenimage.kernels.driver;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class KernelImageTest {
    private static final List<String> BUILT = List.of("norm.sm_80.cubin", "norm.sm_86.cubin", "norm.sm_89.cubin",
            "norm.sm_90a.cubin", "norm.sm_100a.cubin", "norm.sm_120a.cubin", "norm.ptx");

    @ParameterizedTest
    @CsvSource({"8, 0, norm.sm_80.cubin", "8, 6, norm.sm_86.cubin", "8, 7, norm.sm_86.cubin", "8, 9, norm.sm_89.cubin",
            "9, 0, norm.sm_90a.cubin", "10, 0, norm.sm_100a.cubin", "10, 3, norm.ptx", "11, 0, norm.ptx",
            "12, 0, norm.sm_120a.cubin", "12, 1, norm.ptx", "13, 0, norm.ptx"})
    void testChoice(final int major, final int minor, final String image) {
        assertEquals(image, KernelImage.choose("norm", device(major, minor), source(BUILT, "sm_80")).name());
    }

    @Test
    void testNoneFits() {
        final CudaUnavailableException error = assertThrows(CudaUnavailableException.class,
                () -> KernelImage.choose("norm", device(7, 5), source(BUILT, "sm_80")));
        assertEquals("No image of kernel module norm runs on Some GPU (device 0, compute capability 7.5); there are "
                + "sm_80, "
                + "sm_86, sm_89, sm_90a, sm_100a, sm_120a, PTX for sm_80 and later. Choose a device of one of these",
                error.getMessage());
    }

    @Test
    void testArchitectureSpecificImagesFitTheirOwnOnly() {
        final List<String> hopperOnly = List.of("norm.sm_90a.cubin");
        assertThrows(CudaUnavailableException.class,
                () -> KernelImage.choose("norm", device(8, 0), source(hopperOnly, "sm_90a")));
        assertThrows(CudaUnavailableException.class,
                () -> KernelImage.choose("norm", device(10, 0), source(List.of("norm.ptx"), "sm_90a")));
        assertEquals("norm.ptx", KernelImage.choose("norm", device(9, 0),
                source(List.of("norm.ptx"), "sm_90a")).name());
    }

    @Test
    void testUnknownModule() {
        final IllegalArgumentException error = assertThrows(IllegalArgumentException.class,
                () -> KernelImage.choose("nothing", device(8, 0), source(BUILT, "sm_80")));
        assertEquals("kernel module nothing does not exist: no image of it lies in /io/qwenimage/kernels/images/",
                error.getMessage());
    }

    private static DeviceProperties device(final int major, final int minor) {
        return new DeviceProperties(0, "Some GPU", new UUID(0, 0), new ComputeCapability(major, minor), 1, 1, 1, 1, 1,
                1);
    }

    private static Function<String, Optional<byte[]>> source(final List<String> names, final String target) {
        return name -> names.contains(name)
                ? Optional.of((".version 8.0\n.target " + target + "\n").getBytes(StandardCharsets.UTF_8))
                : Optional.empty();
    }
}
