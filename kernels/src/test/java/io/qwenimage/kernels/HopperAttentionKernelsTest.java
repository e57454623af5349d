package io.qwenimage.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.kernels.driver.ElementType;
import io.qwenimage.kernels.driver.TensorView;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Attention on Hopper against double precision; {@link AttentionReference} states the tolerance. */
@KernelTest
@Poses(major = 9)
class HopperAttentionKernelsTest {
    private static final int HEAD = HopperAttentionKernels.HEAD;
    private static final float SCALE = (float) (1 / Math.sqrt(HEAD));

    @Test
    void testOneTile(final KernelDevice device) {
        run(device, ElementType.BF16, 128, 128, 1, 1, false, null, null, 1);
    }

    @Test
    void testRaggedEdges(final KernelDevice device) {
        run(device, ElementType.BF16, 131, 203, 2, 2, false, null, null, 1);
    }

    @Test
    void testOneQueryOneKey(final KernelDevice device) {
        run(device, ElementType.F16, 1, 1, 2, 1, false, null, null, 1);
    }

    @Test
    void testTilesDividedByKeysAreAddedUp(final KernelDevice device) {
        run(device, ElementType.BF16, 70, 2100, 1, 1, false, null, null, 1);
    }

    @Test
    void testLargeMagnitudes(final KernelDevice device) {
        run(device, ElementType.BF16, 60, 390, 1, 1, false, null, null, 25);
    }

    @Test
    void testCausalWithGroupedHeads(final KernelDevice device) {
        run(device, ElementType.BF16, 300, 300, 4, 2, true, null, null, 1);
    }

    @Test
    void testCausalWithFewerQueriesThanKeys(final KernelDevice device) {
        run(device, ElementType.F16, 5, 260, 2, 1, true, null, null, 1);
    }

    @Test
    void testCausalQueriesThatSeeNoKey(final KernelDevice device) {
        run(device, ElementType.BF16, 200, 60, 1, 1, true, null, null, 1);
    }

    @Test
    void testSequencesOfManyLengths(final KernelDevice device) {
        final int[] offsets = {0, 64, 65, 65, 265, 300};
        run(device, ElementType.BF16, 300, 300, 2, 2, false, offsets, offsets, 1);
    }

    @Test
    void testCausalSequencesWithOtherKeys(final KernelDevice device) {
        run(device, ElementType.BF16, 150, 320, 1, 1, true, new int[] {0, 20, 150}, new int[] {0, 180, 320}, 1);
    }

    @Test
    void testBlocksWithSeveralTilesEach(final KernelDevice device) {
        run(device, 3, ElementType.BF16, 300, 420, 3, 1, false, null, null, 1);
        run(device, 2, ElementType.F16, 260, 260, 2, 2, true, null, null, 1);
    }

    @Test
    void testNoKeysAtAll(final KernelDevice device) {
        run(device, ElementType.BF16, 3, 0, 1, 1, false, null, null, 1);
    }

    @Test
    void testSlicesOfAFusedBuffer(final KernelDevice device) {
        final int length = 140;
        final int heads = 2;
        final Random random = new Random(5);
        final TensorView fused = device.random(random, 1, ElementType.BF16, length, 3L * heads, HEAD);
        final TensorView q = fused.slice(1, 0, heads);
        final TensorView k = fused.slice(1, heads, 2 * heads);
        final TensorView v = fused.slice(1, 2 * heads, 3 * heads);
        final TensorView wide = device.zeros(ElementType.BF16, length, heads * HEAD + 16);
        final TensorView out = wide.slice(1, 8, heads * HEAD + 8);
        try (HopperAttentionKernels kernels = new HopperAttentionKernels(device.cuda())) {
            kernels.attention(device.stream(), q, k, v, out, false, null, null, SCALE);
            require(device, q, k, v, out, false, null, null);
            for (final float margin : device.download(wide.slice(1, 0, 8))) {
                assertEquals(0, margin);
            }
            for (final float margin : device.download(wide.slice(1, heads * HEAD + 8, heads * HEAD + 16))) {
                assertEquals(0, margin);
            }
        }
    }

    @Test
    void testTheSameBitsFromEveryRun(final KernelDevice device) {
        final TensorView q = device.random(new Random(1), 1, ElementType.BF16, 40, 1, HEAD);
        final TensorView k = device.random(new Random(2), 1, ElementType.BF16, 1500, 1, HEAD);
        final TensorView v = device.random(new Random(3), 1, ElementType.BF16, 1500, 1, HEAD);
        final TensorView first = device.empty(ElementType.BF16, 40, HEAD);
        final TensorView second = device.empty(ElementType.BF16, 40, HEAD);
        try (HopperAttentionKernels kernels = new HopperAttentionKernels(device.cuda())) {
            kernels.attention(device.stream(), q, k, v, first, false, null, null, SCALE);
            kernels.attention(device.stream(), q, k, v, second, false, null, null, SCALE);
            assertArrayEquals(device.download(first), device.download(second));
        }
    }

    @Test
    void testWrongArgumentsAreRefused(final KernelDevice device) {
        final TensorView q = device.zeros(ElementType.BF16, 4, 3, HEAD);
        final TensorView k = device.zeros(ElementType.BF16, 5, 2, HEAD);
        final TensorView out = device.zeros(ElementType.BF16, 4, 3 * HEAD);
        try (HopperAttentionKernels kernels = new HopperAttentionKernels(device.cuda())) {
            final String heads = assertThrows(IllegalArgumentException.class, () -> kernels.attention(device.stream(),
                    q, k, k, out, false, null, null, SCALE)).getMessage();
            assertTrue(heads.contains("multiple"), heads);
            final TensorView key = k.slice(1, 0, 1);
            final String offsets = assertThrows(IllegalArgumentException.class, () -> kernels.attention(device.stream(),
                    q, key, key, out, false, new int[] {0, 3}, new int[] {0, 5}, SCALE)).getMessage();
            assertTrue(offsets.contains("[0, 3]") && offsets.contains("4 rows"), offsets);
            final String scale = assertThrows(IllegalArgumentException.class, () -> kernels.attention(device.stream(),
                    q, key, key, out, false, null, null, 0)).getMessage();
            assertTrue(scale.contains("positive"), scale);
        }
    }

    @Test
    @Poses(major = 8)
    void testAnotherDeviceIsRefused(final KernelDevice device) {
        final String message = assertThrows(IllegalArgumentException.class,
                () -> new HopperAttentionKernels(device.cuda())).getMessage();
        assertTrue(message.contains("compute capability 9.0"), message);
    }

    private static void run(final KernelDevice device, final ElementType type, final int queries, final int keys,
                            final int heads, final int keyHeads, final boolean causal, final int[] queryOffsets,
                            final int[] keyOffsets, final double deviation) {
        run(device, device.cuda().properties().multiprocessors(), type, queries, keys, heads, keyHeads, causal,
                queryOffsets, keyOffsets, deviation);
    }

    private static void run(final KernelDevice device, final int blocks, final ElementType type, final int queries,
                            final int keys, final int heads, final int keyHeads, final boolean causal,
                            final int[] queryOffsets, final int[] keyOffsets, final double deviation) {
        final Random random = new Random(queries * 31L + keys);
        final TensorView q = device.random(random, deviation, type, queries, heads, HEAD);
        final TensorView k = device.random(random, deviation, type, keys, keyHeads, HEAD);
        final TensorView v = device.random(random, deviation, type, keys, keyHeads, HEAD);
        final TensorView out = device.empty(type, queries, (long) heads * HEAD);
        try (HopperAttentionKernels kernels = new HopperAttentionKernels(device.cuda(), blocks)) {
            kernels.attention(device.stream(), q, k, v, out, causal, queryOffsets, keyOffsets, SCALE);
            require(device, q, k, v, out, causal, queryOffsets, keyOffsets);
        }
    }

    private static void require(final KernelDevice device, final TensorView q, final TensorView k, final TensorView v,
                                final TensorView out, final boolean causal, final int[] queryOffsets,
                                final int[] keyOffsets) {
        new AttentionReference(device.download(q), device.download(k), device.download(v), (int) q.size(1),
                (int) k.size(1), HEAD, causal, queryOffsets, keyOffsets, SCALE).require(device.download(out), q.type());
    }
}
