package io.qwenimage.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class LayerPlanTest {
    @Test
    void streamedLayersAreSpreadEvenlyAndEndWithTheLast() {
        for (int streamed = 1; streamed <= 60; streamed++) {
            final LayerPlan plan = new LayerPlan(60, streamed, 2, 1);
            final int[] places = IntStream.range(0, 60).filter(plan::isStreamed).toArray();
            assertEquals(streamed, places.length);
            assertEquals(59, places[streamed - 1]);
            int last = -1;
            for (int order = 0; order < streamed; order++) {
                assertEquals(order, plan.streamedUpTo(places[order]));
                assertTrue(places[order] - last >= 60 / streamed && places[order] - last <= Math.ceilDiv(60, streamed),
                        "distance " + (places[order] - last) + " of " + streamed);
                last = places[order];
            }
        }
    }

    @Test
    void plansThatCannotBe() {
        assertEquals("61 of 60 layers cannot be streamed", assertThrows(IllegalArgumentException.class,
                () -> new LayerPlan(60, 61, 2, 1)).getMessage());
        assertEquals("1 streamed layers need a place in memory, got 0 of 9 bytes",
                assertThrows(IllegalArgumentException.class, () -> new LayerPlan(60, 1, 0, 9)).getMessage());
        assertEquals("0 of 3", LayerPlan.resident(3).toString());
        assertEquals(0, LayerPlan.resident(0).streamedUpTo(0));
    }
}
