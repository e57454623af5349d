package io.qwenimage.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.kernels.driver.ElementType;
import io.qwenimage.kernels.driver.TensorView;
import io.qwenimage.kernels.standin.KernelRun;
import io.qwenimage.kernels.standin.StandIn;
import io.qwenimage.ptx.counting.LineCount;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

@KernelTest
class AttentionKernelsTest {
    private static final ElementType BF16 = ElementType.BF16;
    private static final ElementType F16 = ElementType.F16;
    private static final ElementType F32 = ElementType.F32;
    private static final int PADDING = 8;

    private static List<Map.Entry<String, AttentionCase>> cases() {
        return List.of(
                Map.entry("one key", AttentionCase.of(BF16, 1, 1, 128, 1, 1)),
                Map.entry("ragged", AttentionCase.of(BF16, 1, 1, 128, 113, 203)),
                Map.entry("F16, ragged", AttentionCase.of(F16, 2, 2, 128, 67, 65)),
                Map.entry("causal, grouped heads", AttentionCase.of(BF16, 6, 2, 128, 70, 70).causal()),
                Map.entry("causal, fewer queries than keys", AttentionCase.of(F16, 2, 1, 128, 5, 150).causal()),
                Map.entry("causal, more queries than keys", AttentionCase.of(BF16, 1, 1, 128, 150, 70).causal()),
                Map.entry("sequences, some empty", new AttentionCase(BF16, 1, 1, 128, new int[] {5, 0, 70, 3},
                        new int[] {66, 4, 0, 130})),
                Map.entry("windows of 80", new AttentionCase(BF16, 2, 2, 80, new int[] {64, 16, 1},
                        new int[] {64, 16, 1})),
                Map.entry("windows of 72, F16", new AttentionCase(F16, 1, 1, 72, new int[] {36, 64},
                        new int[] {36, 64})),
                Map.entry("width 64", AttentionCase.of(F16, 1, 1, 64, 33, 100)),
                Map.entry("width 16", AttentionCase.of(BF16, 2, 1, 16, 20, 20).causal()),
                Map.entry("width 96", AttentionCase.of(BF16, 1, 1, 96, 20, 70)),
                Map.entry("width 256", AttentionCase.of(BF16, 1, 1, 256, 65, 40)),
                Map.entry("width 384", AttentionCase.of(F16, 1, 1, 384, 20, 40)),
                Map.entry("width 12", AttentionCase.of(BF16, 2, 1, 12, 40, 33)),
                Map.entry("width 20, F32", AttentionCase.of(F32, 2, 1, 20, 40, 70).causal()),
                Map.entry("width 128, F32", new AttentionCase(F32, 1, 1, 128, new int[] {33, 0, 2},
                        new int[] {40, 7, 0})),
                Map.entry("width 200, F32", AttentionCase.of(F32, 1, 1, 200, 9, 35)),
                Map.entry("width 384, F32", AttentionCase.of(F32, 1, 1, 384, 17, 33)),
                Map.entry("scores of hundreds", AttentionCase.of(BF16, 1, 1, 128, 40, 90).magnitude(8)),
                Map.entry("magnitude 10000", AttentionCase.of(BF16, 1, 1, 128, 20, 140).magnitude(1e4)),
                Map.entry("magnitude 10000, F16", AttentionCase.of(F16, 1, 1, 128, 70, 140).magnitude(1e4).causal()),
                Map.entry("magnitude 10000, F32", AttentionCase.of(F32, 1, 1, 36, 20, 40).magnitude(1e4)));
    }

    /** All on one device, for reading the kernels takes the stand-in longer than running them. */
    @Test
    void testEqualsExactArithmetic(final KernelDevice device) {
        final AttentionKernels kernels = device.own(new AttentionKernels(device.cuda()));
        cases().forEach(entry -> requireExact(kernels, entry.getKey(), entry.getValue(), device));
    }

    static void requireExact(final AttentionKernels kernels, final String name, final AttentionCase attention,
            final KernelDevice device) {
        final TensorView[] operands = attention.upload(device, name.hashCode(), PADDING);
        final TensorView out = device.empty(attention.type, attention.queries(),
                attention.heads * (long) attention.width);
        final boolean several = attention.queryOffsets.length > 2;
        kernels.attention(device.stream(), operands[0], operands[1], operands[2], out, attention.causal,
                several ? attention.queryOffsets : null, several ? attention.keyOffsets : null, attention.scale());
        attention.require(name, device.download(out));
    }

    /** Enough blocks for tiles of 32 rows a warp: the stand-in's multiprocessors are filled. */
    @Test
    void testTallTiles(final KernelDevice device) {
        for (final int width : new int[] {128, 80, 64}) {
            final AttentionCase attention = AttentionCase.of(BF16, 1, 1, width, 200, 150).causal();
            final TensorView[] operands = attention.upload(device, width, PADDING);
            final TensorView out = device.empty(BF16, attention.queries(), width);
            new TallLaunch(device, attention).run(operands, out);
            attention.require("tall tiles of " + width, device.download(out));
        }
    }

    private static List<Map.Entry<String, AttentionCase>> caches() {
        return List.of(
                Map.entry("7 heads on 1", AttentionCase.of(BF16, 7, 1, 128, 1, 300)),
                Map.entry("one key", AttentionCase.of(BF16, 4, 2, 128, 1, 1)),
                Map.entry("length on the device", AttentionCase.of(F16, 14, 2, 128, 1, 200)),
                Map.entry("20 heads on 1, length on the device", AttentionCase.of(BF16, 20, 1, 64, 1, 150)),
                Map.entry("width 72", AttentionCase.of(F16, 2, 2, 72, 1, 90)),
                Map.entry("width 256", AttentionCase.of(BF16, 2, 1, 256, 1, 70)),
                Map.entry("width 20, F32", AttentionCase.of(F32, 4, 2, 20, 1, 70)),
                Map.entry("no key, length on the device", AttentionCase.of(BF16, 2, 1, 128, 1, 0)),
                Map.entry("magnitude 10000", AttentionCase.of(F16, 7, 1, 128, 1, 200).magnitude(1e4)));
    }

    @Test
    void testDecode(final KernelDevice device) {
        final AttentionKernels kernels = device.own(new AttentionKernels(device.cuda()));
        caches().forEach(entry -> requireDecoded(kernels, entry.getKey(), entry.getValue(), device));
    }

    static void requireDecoded(final AttentionKernels kernels, final String name, final AttentionCase attention,
            final KernelDevice device) {
        final TensorView[] operands = attention.upload(device, name.hashCode(), PADDING);
        final TensorView out = device.empty(attention.type, 1, attention.heads * (long) attention.width);
        final int capacity = attention.keys();
        final TensorView length = name.contains("on the device") ? device.upload(new int[] {capacity}, 1) : null;
        kernels.decode(device.stream(), operands[0], operands[1], operands[2], out, capacity, length,
                attention.scale());
        attention.require(name, device.download(out));
    }

    @Test
    void testMainLoopHasNoBankConflictAndReadsWholeSectors(final KernelDevice device) {
        Assumptions.assumeFalse(KernelDevice.isReal(), "only the stand-in counts");
        final AttentionCase attention = AttentionCase.of(BF16, 1, 1, 128, 128, 192);
        final TensorView[] operands = attention.upload(device, 1, 0);
        final TensorView out = device.empty(BF16, attention.queries(), attention.width);
        new TallLaunch(device, attention).run(operands, out);
        final AttentionKernels kernels = device.own(new AttentionKernels(device.cuda()));
        kernels.attention(device.stream(), operands[0], operands[1], operands[2], out, false, null, null,
                attention.scale());
        device.download(out);
        final List<KernelRun> runs = StandIn.install().runs();
        assertEquals(2, runs.size(), runs.toString());
        for (final KernelRun run : runs) {
            final LineCount total = run.counters().total();
            assertEquals(total.idealSectors(), total.sectors(), () -> run.kernel() + ": sectors");
            assertEquals(0, total.bankConflicts(), () -> run.kernel() + ": bank conflicts");
        }
    }

    @Test
    void testRefusals(final KernelDevice device) {
        final AttentionKernels kernels = device.own(new AttentionKernels(device.cuda()));
        final TensorView q = device.random(new Random(1), 1, BF16, 4, 4, 16);
        final TensorView k = device.random(new Random(2), 1, BF16, 6, 2, 16);
        final TensorView three = device.random(new Random(2), 1, BF16, 6, 3, 16);
        final TensorView out = device.empty(BF16, 4, 64);
        refused("multiple", () -> kernels.attention(device.stream(), q, three, three, out, false, null, null, 1));
        refused("scale", () -> kernels.attention(device.stream(), q, k, k, out, false, null, null, 0));
        refused("never fall", () -> kernels.attention(device.stream(), q, k, k, out, false, new int[] {0, 3, 2, 4},
                new int[] {0, 1, 2, 6}, 1));
        refused("as many", () -> kernels.attention(device.stream(), q, k, k, out, false, new int[] {0, 4},
                new int[] {0, 1, 6}, 1));
        refused("F32", () -> kernels.attention(device.stream(), q, k, k, device.empty(F32, 4, 64), false, null, null,
                1));
        refused("at most 384", () -> kernels.attention(device.stream(), device.empty(BF16, 1, 1, 392),
                device.empty(BF16, 1, 1, 392), device.empty(BF16, 1, 1, 392), device.empty(BF16, 1, 392), false, null,
                null, 1));
        refused("cache of 6 rows", () -> kernels.decode(device.stream(), q.slice(0, 0, 1), k, k, out.slice(0, 0, 1), 7,
                null, 1));
    }

    private static void refused(final String word, final Runnable call) {
        final String message = assertThrows(IllegalArgumentException.class, call::run).getMessage();
        assertTrue(message.contains(word), message);
    }
}
