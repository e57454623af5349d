package io.qwenimage.kernels.benchmark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/** Memory is used as it should be: whole sectors, no bank conflicts, nothing spilled, little more than must move. */
class CountedKernelsTest {
    private static final List<CountedKernel> KERNELS = CountedKernels.all();

    @ParameterizedTest
    @FieldSource("KERNELS")
    void testMemoryIsUsedWell(final CountedKernel kernel) {
        final CountedKernel.Counted counted = kernel.count();
        assertEquals(0, counted.figures().spillBytes(), "bytes of spilled registers");
        assertEquals(0, counted.conflicts(), "bank conflicts");
        // Fewer than the ideal where lanes read the same bytes.
        assertTrue(counted.sectors() <= counted.idealSectors(), () -> counted.sectors() + " sectors, not "
                + counted.idealSectors());
        assertTrue(kernel.moved(counted) <= kernel.mostMoved(), () -> "moved " + kernel.moved(counted)
                + " times what must move, at most " + kernel.mostMoved() + " is allowed");
    }
}
