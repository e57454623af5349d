package io.qwenimage.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.qwenimage.backend.Activation;
import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.CudaBackends;
import io.qwenimage.backend.LayerPlan;
import io.qwenimage.backend.Repetition;
import io.qwenimage.backend.ResourceExhaustedException;
import io.qwenimage.backend.StreamedLayers;
import io.qwenimage.backend.WeightRole;
import io.qwenimage.kernels.standin.StandIn;
import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Layers whose weights take turns on the device compute what layers that stay there compute, bit for bit. */
@Tag("models")
class RotatingLayersTest {
    private static final int LAYERS = 5;
    private static final int WIDTH = 16;
    private static final int ROWS = 20;
    private static final int ROUNDS = 3;

    /** A linear layer; another one in every place, so that a wrong turn shows. */
    private record Layer(Tensor weight, Tensor bias) {
        static Layer load(final Backend backend, final Arena arena, final int index) {
            return new Layer(backend.weight(arena, numbers(index, WIDTH, WIDTH), WeightRole.LINEAR),
                    backend.weight(arena, numbers(100 + index, WIDTH), WeightRole.VECTOR));
        }
    }

    /** Layers one after the other. */
    private record Network(Backend backend, StreamedLayers streamed, List<Layer> layers) {
        static Network load(final Backend backend, final Arena arena, final int streamed, final int slots) {
            final long bytes = backend.weightBytes(WIDTH * WIDTH) + backend.weightBytes(WIDTH);
            final StreamedLayers turns = backend.layers(arena, new LayerPlan(LAYERS, streamed, slots, bytes));
            final List<Layer> layers = new ArrayList<>();
            for (int layer = 0; layer < LAYERS; layer++) {
                final int index = layer;
                layers.add(turns.load(layer, place -> Layer.load(backend, place, index)));
            }
            return new Network(backend, turns, layers);
        }

        Tensor forward(final Arena arena, final Tensor... inputs) {
            return forward(arena, LAYERS, inputs[0]);
        }

        /** The layers up to one that fails. */
        Tensor forward(final Arena arena, final int failing, final Tensor input) {
            try (Arena scratch = arena.open("layers"); StreamedLayers.Pass pass = streamed.begin()) {
                Tensor x = input;
                for (int layer = 0; layer < LAYERS; layer++) {
                    if (layer == failing) {
                        throw new CancellationException("not wanted any more");
                    }
                    pass.layer(layer);
                    x = backend.linear(scratch, x, layers.get(layer).weight(), layers.get(layer).bias(),
                            Activation.GELU_TANH, null);
                }
                return scratch.keep(x);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(value = DType.class, names = {"BF16", "F32"})
    void everyNumberOfStreamedLayersAndSlotsComputesTheSame(final DType type) {
        try (Backend backend = CudaBackends.open(type)) {
            final float[] expected = results(backend, 0, 1, false);
            assertArrayEquals(expected, results(backend, 0, 1, true));
            for (int streamed = 1; streamed <= LAYERS; streamed++) {
                for (int slots = 1; slots <= 3; slots++) {
                    final String plan = streamed + " streamed layers in " + slots + " slots, ";
                    assertArrayEquals(expected, results(backend, streamed, slots, false), plan + "as they come");
                    assertArrayEquals(expected, results(backend, streamed, slots, true), plan + "as a graph");
                }
            }
        }
    }

    @Test
    void aRoundCopiesEveryStreamedLayerOnceAndNothingElse() {
        assumeFalse(CudaBackends.isReal(), "the books are the stand-in's");
        try (Backend backend = CudaBackends.open(DType.BF16); Arena arena = backend.openArena("layers")) {
            final Network network = Network.load(backend, arena, 3, 2);
            final Tensor x = backend.upload(arena, numbers(7, ROWS, WIDTH));
            final long layer = 2L * WIDTH * WIDTH + 2L * WIDTH;
            try (Repetition rounds = backend.repeat(network::forward)) {
                for (int round = 0; round < 4; round++) {
                    backend.download(x);
                    final long bytes = StandIn.install().books().bytesToDevice();
                    final long waits = StandIn.install().books().waits();
                    try (Arena results = arena.open("round")) {
                        final Tensor result = rounds.run(results, x);
                        assertEquals(waits, StandIn.install().books().waits(), "waits of round " + round);
                        backend.download(result);
                    }
                    assertEquals(3 * layer, StandIn.install().books().bytesToDevice() - bytes, "round " + round);
                }
            }
        }
    }

    @Test
    void everyWaitAndEveryMarkIsNeeded() {
        assumeFalse(CudaBackends.isReal(), "faults are the stand-in's");
        for (final boolean waits : new boolean[] {true, false}) {
            // A pass of three layers in two slots waits, and marks, five times: once to begin, once for each copy, once
            // for the slot that is used twice.
            for (int dropped = 0; dropped < 5; dropped++) {
                final List<String> findings = findingsWithout(waits, dropped);
                assertTrue(findings.stream().anyMatch(finding -> finding.contains(" is not ordered after ")),
                        (waits ? "wait " : "mark ") + dropped + " was left out: " + findings);
            }
        }
    }

    /** What is found in the second pass if one of its waits, or marks, is left out. */
    private static List<String> findingsWithout(final boolean wait, final int dropped) {
        final StandIn standIn = StandIn.installWithLibraries();
        try (Backend backend = CudaBackends.open(DType.BF16)) {
            try (Arena arena = backend.openArena("layers")) {
                final Network network = Network.load(backend, arena, 3, 2);
                final Tensor x = backend.upload(arena, numbers(7, ROWS, WIDTH));
                network.forward(arena, x);
                if (wait) {
                    standIn.faults().dropWaitAfter(dropped);
                } else {
                    standIn.faults().dropRecordAfter(dropped);
                }
                network.forward(arena, x);
            }
            final List<String> findings = standIn.findings();
            standIn.clearFindings();
            return findings;
        }
    }

    @Test
    void aPassThatIsCalledOffLeavesNothingToMend() {
        try (Backend backend = CudaBackends.open(DType.BF16)) {
            final float[] expected = results(backend, 0, 1, false);
            for (int failing = 0; failing < LAYERS; failing++) {
                final int place = failing;
                try (Arena arena = backend.openArena("layers")) {
                    final Network network = Network.load(backend, arena, 4, 2);
                    Tensor x = backend.upload(arena, numbers(7, ROWS, WIDTH));
                    final Tensor input = x;
                    assertThrows(CancellationException.class, () -> network.forward(arena, place, input));
                    // And one that is recorded.
                    try (Repetition rounds = backend.repeat((owner, inputs) -> network.forward(owner,
                            inputs[0] == input ? LAYERS : place, inputs[0]))) {
                        rounds.run(arena, input);
                        assertThrows(CancellationException.class, () -> rounds.run(arena, input));
                    }
                    for (int round = 0; round < ROUNDS; round++) {
                        x = network.forward(arena, x);
                    }
                    assertArrayEquals(expected, backend.download(x).toFloats(), "after a failure at layer " + failing);
                }
            }
        }
    }

    @Test
    void passesOfSeveralThreadsComeOneAfterTheOther() {
        try (Backend backend = CudaBackends.open(DType.BF16); Arena arena = backend.openArena("layers")) {
            final float[] expected = results(backend, 0, 1, false);
            final Network network = Network.load(backend, arena, LAYERS, 2);
            final List<CompletableFuture<float[]>> threads = new ArrayList<>();
            for (int thread = 0; thread < 3; thread++) {
                final boolean records = thread % 2 == 0;
                threads.add(CompletableFuture.supplyAsync(() -> results(network, records)));
            }
            threads.forEach(thread -> assertArrayEquals(expected, thread.join()));
        }
    }

    @Test
    void layersComeInTheirOrderAndMayBeLeftOut() {
        try (Backend backend = CudaBackends.open(DType.F32); Arena arena = backend.openArena("layers")) {
            final Network resident = Network.load(backend, arena, 0, 1);
            final Network network = Network.load(backend, arena, LAYERS, 2);
            final Tensor x = backend.upload(arena, numbers(7, ROWS, WIDTH));
            for (int layer = 0; layer < LAYERS; layer++) {
                try (StreamedLayers.Pass pass = network.streamed().begin()) {
                    pass.layer(layer);
                    assertArrayEquals(
                            backend.download(backend.linear(arena, x, resident.layers().get(layer).weight(), null,
                                    Activation.NONE, null)).toFloats(),
                            backend.download(backend.linear(arena, x, network.layers().get(layer).weight(), null,
                                    Activation.NONE, null)).toFloats());
                    final int same = layer;
                    assertEquals("layer " + layer + " is asked for after its turn",
                            assertThrows(IllegalStateException.class, () -> pass.layer(same)).getMessage());
                }
            }
        }
    }

    @Test
    void layersThatDoNotFitTheirPlan() {
        try (Backend backend = CudaBackends.open(DType.BF16); Arena arena = backend.openArena("layers")) {
            final StreamedLayers layers = backend.layers(arena, new LayerPlan(2, 2, 1, 512));
            final IllegalStateException large = assertThrows(IllegalStateException.class,
                    () -> layers.load(0, place -> backend.weight(place, numbers(1, 17, WIDTH), WeightRole.LINEAR)));
            assertTrue(large.getMessage().startsWith("weight BF16[17, 16] does not fit behind 0 bytes of a layer for "
                    + "which 512 were planned"), large.getMessage());
            assertThrows(IllegalStateException.class,
                    () -> layers.load(1, place -> Layer.load(backend, place, 1)));
            assertEquals("0 of 2 streamed layers are loaded",
                    assertThrows(IllegalStateException.class, layers::begin).getMessage());
        }
    }

    @Test
    void aHostWithoutMemoryToLock() {
        assumeFalse(CudaBackends.isReal(), "faults are the stand-in's");
        try (Backend backend = CudaBackends.open(DType.F32); Arena arena = backend.openArena("layers")) {
            Network.load(backend, arena, 1, 1);
            // Two pieces of 16 MiB through which weights are uploaded, the layer before, and two more.
            StandIn.install().faults().limitPageLocked((32 << 20) + 1088 + 1500);
            final ResourceExhaustedException error = assertThrows(ResourceExhaustedException.class,
                    () -> Network.load(backend, arena, 3, 2));
            assertTrue(error.getMessage().startsWith("1088 bytes of page-locked host memory were asked for layer 2 of "
                    + "3 that are streamed, but the host gives no more: 3264 are needed in all. "), error.getMessage());
        }
    }

    @Test
    void slotsAreWeightsInTheBooksAndGoWithTheirArena() {
        assumeFalse(CudaBackends.isReal(), "the books are the stand-in's");
        try (Backend backend = CudaBackends.open(DType.F32)) {
            results(backend, 1, 1, false);
            final long before = backend.memory().weights();
            final List<String> open = StandIn.install().open();
            try (Arena arena = backend.openArena("layers")) {
                Network.load(backend, arena, 4, 2);
                // One resident layer and two slots, each as large as a layer's weights in blocks of their own.
                assertEquals(3 * (1024 + 512), backend.memory().weights() - before);
            }
            assertEquals(before, backend.memory().weights());
            assertEquals(open, StandIn.install().open());
        }
    }

    @Test
    void aLostDeviceDoesNotKeepAnArenaFromItsEnd() {
        assumeFalse(CudaBackends.isReal(), "faults are the stand-in's");
        try (Backend backend = CudaBackends.open(DType.F32)) {
            final long before = backend.memory().weights();
            try (Arena arena = backend.openArena("layers")) {
                final Network network = Network.load(backend, arena, 4, 2);
                final Tensor x = backend.upload(arena, numbers(7, ROWS, WIDTH));
                network.forward(arena, x);
                StandIn.install().faults().loseDevices();
            }
            assertEquals(before, backend.memory().weights());
        } finally {
            StandIn.install().faults().returnDevices();
        }
    }

    private static float[] results(final Backend backend, final int streamed, final int slots, final boolean records) {
        try (Arena arena = backend.openArena("layers")) {
            return results(Network.load(backend, arena, streamed, slots), records);
        }
    }

    private static float[] results(final Network network, final boolean records) {
        final Backend backend = network.backend();
        try (Arena arena = backend.openArena("rounds");
                Repetition rounds = records ? backend.repeat(network::forward) : Repetition.plain(network::forward)) {
            Tensor x = backend.upload(arena, numbers(7, ROWS, WIDTH));
            for (int round = 0; round < ROUNDS; round++) {
                x = rounds.run(arena, x);
            }
            return backend.download(x).toFloats();
        }
    }

    private static HostTensor numbers(final long seed, final long... extents) {
        final Random random = new Random(seed);
        final Shape shape = Shape.of(extents);
        final float[] values = new float[Math.toIntExact(shape.elements())];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian() / 2;
        }
        return HostTensor.ofFloats(shape, values);
    }
}
