package io.qwenimage.kernels.benchmark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/** Attention at the product's shapes: nothing spilled, no bank conflict in the loop, whole sectors, no byte twice. */
class CountedAttentionTest {
    private static final List<CountedAttention> KERNELS = CountedAttentions.all();
    private static final double WANTED_TERAFLOPS = 650;

    @ParameterizedTest
    @FieldSource("KERNELS")
    void testUnitsAreUsedWell(final CountedAttention kernel) {
        final CountedAttention.Counted counted = kernel.count();
        assertEquals(0, counted.figures().spillBytes(), "bytes of spilled registers");
        assertEquals(0, counted.loopConflicts(), "bank conflicts of the main loop");
        assertTrue(counted.sectors() <= counted.idealSectors(), () -> counted.sectors() + " sectors, not "
                + counted.idealSectors());
        assertTrue(kernel.moved(counted) <= kernel.work().mostMoved(), () -> "moved " + kernel.moved(counted)
                + " times what must move, at most " + kernel.work().mostMoved() + " is allowed");
        if (kernel.launch().module().equals("attention_hopper") && !kernel.shape().startsWith("causal")) {
            assertTrue(kernel.teraflops(counted) >= WANTED_TERAFLOPS, () -> kernel.teraflops(counted)
                    + " TFLOP/s modelled");
        }
    }
}
