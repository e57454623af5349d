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
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

@KernelTest
class AttentionKernelsTest {
    private static final ElementType BF16 = ElementType.BF16;
    private static final ElementType F16 = ElementType.F16;
    private static final ElementType F32 = ElementType.F32;
    private static final int PADDING = 8;

    private static Stream<Arguments> cases() {
        return Stream.of(
                Arguments.of("one key", AttentionCase.of(BF16, 1, 1, 128, 1, 1)),
                Arguments.of("ragged", AttentionCase.of(BF16, 1, 1, 128, 113, 203)),
                Arguments.of("F16, ragged", AttentionCase.of(F16, 2, 2, 128, 67, 65)),
                Arguments.of("causal, grouped heads", AttentionCase.of(BF16, 6, 2, 128, 70, 70).causal()),
                Arguments.of("causal, fewer queries than keys", AttentionCase.of(F16, 2, 1, 128, 5, 150).causal()),
                Arguments.of("causal, more queries than keys", AttentionCase.of(BF16, 1, 1, 128, 150, 70).causal()),
                Arguments.of("sequences, some empty", new AttentionCase(BF16, 1, 1, 128, new int[] {5, 0, 70, 3},
                        new int[] {66, 4, 0, 130})),
                Arguments.of("windows of 80", new AttentionCase(BF16, 2, 2, 80, new int[] {64, 16, 1},
                        new int[] {64, 16, 1})),
                Arguments.of("windows of 72, F16", new AttentionCase(F16, 1, 1, 72, new int[] {36, 64},
                        new int[] {36, 64})),
                Arguments.of("width 64", AttentionCase.of(F16, 1, 1, 64, 33, 100)),
                Arguments.of("width 16", AttentionCase.of(BF16, 2, 1, 16, 20, 20).causal()),
                Arguments.of("width 96", AttentionCase.of(BF16, 1, 1, 96, 20, 70)),
                Arguments.of("width 256", AttentionCase.of(BF16, 1, 1, 256, 65, 40)),
                Arguments.of("width 384", AttentionCase.of(F16, 1, 1, 384, 20, 40)),
                Arguments.of("width 12", AttentionCase.of(BF16, 2, 1, 12, 40, 33)),
                Arguments.of("width 20, F32", AttentionCase.of(F32, 2, 1, 20, 40, 70).causal()),
                Arguments.of("width 128, F32", new AttentionCase(F32, 1, 1, 128, new int[] {33, 0, 2},
                        new int[] {40, 7, 0})),
                Arguments.of("width 200, F32", AttentionCase.of(F32, 1, 1, 200, 9, 35)),
                Arguments.of("width 384, F32", AttentionCase.of(F32, 1, 1, 384, 17, 33)),
                Arguments.of("scores of hundreds", AttentionCase.of(BF16, 1, 1, 128, 40, 90).magnitude(8)),
                Arguments.of("magnitude 10000", AttentionCase.of(BF16, 1, 1, 128, 20, 140).magnitude(1e4)),
                Arguments.of("magnitude 10000, F16", AttentionCase.of(F16, 1, 1, 128, 70, 140).magnitude(1e4).causal()),
                Arguments.of("magnitude 10000, F32", AttentionCase.of(F32, 1, 1, 36, 20, 40).magnitude(1e4)));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("cases")
    void testEqualsExactArithmetic(final String name, final AttentionCase attention, final KernelDevice device) {
        final AttentionKernels kernels = device.own(new AttentionKernels(device.cuda()));
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

    private static Stream<Arguments> caches() {
        return Stream.of(
                Arguments.of("7 heads on 1", AttentionCase.of(BF16, 7, 1, 128, 1, 300), false),
                Arguments.of("one key", AttentionCase.of(BF16, 4, 2, 128, 1, 1), false),
                Arguments.of("length on the device", AttentionCase.of(F16, 14, 2, 128, 1, 200), true),
                Arguments.of("20 heads on 1", AttentionCase.of(BF16, 20, 1, 64, 1, 150), true),
                Arguments.of("width 72", AttentionCase.of(F16, 2, 2, 72, 1, 90), false),
                Arguments.of("width 256", AttentionCase.of(BF16, 2, 1, 256, 1, 70), false),
                Arguments.of("width 20, F32", AttentionCase.of(F32, 4, 2, 20, 1, 70), false),
                Arguments.of("no key", AttentionCase.of(BF16, 2, 1, 128, 1, 0), true),
                Arguments.of("magnitude 10000", AttentionCase.of(F16, 7, 1, 128, 1, 200).magnitude(1e4), false));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("caches")
    void testDecode(final String name, final AttentionCase attention, final boolean onDevice,
            final KernelDevice device) {
        final AttentionKernels kernels = device.own(new AttentionKernels(device.cuda()));
        final TensorView[] operands = attention.upload(device, name.hashCode(), PADDING);
        final TensorView out = device.empty(attention.type, 1, attention.heads * (long) attention.width);
        final int capacity = attention.keys();
        final TensorView length = onDevice ? device.upload(new int[] {capacity}, 1) : null;
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
