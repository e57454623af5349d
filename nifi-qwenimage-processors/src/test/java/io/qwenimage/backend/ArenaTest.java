package io.qwenimage.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.qwenimage.backend.cpu.CpuBackend;
import io.qwenimage.backend.cpu.CpuOptions;
import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@Tag("models")
class ArenaTest {
    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#shipped")
    void givesAllMemoryBackWhenClosed(final Backends.Named kind) {
        try (Backend backend = kind.open()) {
            try (Arena outer = backend.openArena("outer")) {
                final Samples samples = new Samples(1);
                final Tensor weight = backend.weight(outer, samples.normal(DType.BF16, 1f, 100, 64),
                        WeightRole.LINEAR);
                assertTrue(backend.memory().weights() >= 12800, backend.memory().toString());
                final Tensor x = backend.upload(outer, samples.normal(1f, 10, 64));
                try (Arena inner = outer.open("inner")) {
                    backend.linear(inner, x, weight, null, Activation.NONE, null);
                }
            }
            assertEquals(0, backend.memory().inUse());
            assertEquals(0, backend.memory().weights());
        }
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#shipped")
    void refusesUseAfterClose(final Backends.Named kind) {
        try (Backend backend = kind.open()) {
            final Arena arena = backend.openArena("short-lived");
            final Tensor x = backend.upload(arena, new Samples(1).normal(1f, 2, 2));
            final Tensor view = backend.slice(x, 1, Shape.of(2));
            arena.close();
            arena.close();
            assertThrows(IllegalStateException.class, () -> backend.download(x));
            assertThrows(IllegalStateException.class, () -> backend.download(view));
            final IllegalStateException refusal = assertThrows(IllegalStateException.class,
                    () -> arena.allocate(DType.F32, Shape.of(1)));
            assertTrue(refusal.getMessage().contains("short-lived"), refusal.getMessage());
        }
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#shipped")
    void keepsATensorBeyondItsArena(final Backends.Named kind) {
        try (Backend backend = kind.open(); Arena outer = backend.openArena("outer")) {
            final Tensor kept;
            try (Arena inner = outer.open("inner")) {
                kept = inner.keep(backend.upload(inner, kind.samples(1).normal(1f, 3)));
                assertThrows(IllegalArgumentException.class, () -> inner.keep(kept));
            }
            assertArrayEquals(kind.samples(1).normal(1f, 3).toFloats(), backend.download(kept).toFloats());
        }
    }

    @Test
    void refusesWhatTheBudgetDoesNotHold() {
        assumeFalse(CudaBackends.isAlone(), "the budget is one of the CPU's memory");
        try (Backend backend = CpuBackend.open(CpuOptions.defaults().withThreads(1).withMemoryBudget(1 << 20));
                Arena arena = backend.openArena("a picture of 4096 pixels")) {
            arena.allocate(DType.F32, Shape.of(200_000));
            final ResourceExhaustedException refusal = assertThrows(ResourceExhaustedException.class,
                    () -> arena.allocate(DType.F32, Shape.of(100_000)));
            assertTrue(refusal.getMessage().contains("a picture of 4096 pixels")
                    && refusal.getMessage().contains("400000") && refusal.getMessage().contains("1048576"),
                    refusal.getMessage());
            arena.allocate(DType.F32, Shape.of(50_000));
        }
    }

    @Test
    void reusesMemoryWithinTheBudget() {
        assumeFalse(CudaBackends.isAlone(), "the budget is one of the CPU's memory");
        try (Backend backend = CpuBackend.open(CpuOptions.defaults().withThreads(1).withMemoryBudget(1 << 20))) {
            for (int size = 1; size < 200; size++) {
                try (Arena arena = backend.openArena("round " + size)) {
                    arena.allocate(DType.F32, Shape.of(1000L * size));
                }
                final MemoryStatus memory = backend.memory();
                assertTrue(memory.pooled() + memory.inUse() <= memory.budget(), memory.toString());
            }
        }
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#shipped")
    void closesOpenArenasWithTheBackend(final Backends.Named kind) {
        final Backend backend = kind.open();
        final Tensor x = backend.upload(backend.openArena("forgotten"), new Samples(1).normal(1f, 2));
        backend.close();
        backend.close();
        assertThrows(IllegalStateException.class, () -> backend.openArena("late"));
        assertThrows(IllegalStateException.class, () -> backend.download(x));
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#shipped")
    void refusesTensorsAndArenasOfOthers(final Backends.Named kind) {
        try (Backend one = kind.open(); Backend other = kind.open(); Arena arena = other.openArena("theirs")) {
            assertThrows(IllegalArgumentException.class, () -> one.upload(arena, new Samples(1).normal(1f, 2)));
        }
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#shipped")
    void servesSeveralThreads(final Backends.Named kind) throws Exception {
        try (Backend backend = kind.open(); ExecutorService callers = Executors.newFixedThreadPool(4)) {
            final List<Future<float[]>> results = new ArrayList<>();
            for (int caller = 0; caller < 16; caller++) {
                results.add(callers.submit(() -> product(backend, kind.few(600), kind.few(1100))));
            }
            final float[] expected = product(backend, kind.few(600), kind.few(1100));
            for (final Future<float[]> result : results) {
                assertArrayEquals(expected, result.get());
            }
            assertEquals(0, backend.memory().inUse());
        }
    }

    private static float[] product(final Backend backend, final int rows, final int columns) {
        final Samples samples = new Samples(1);
        try (Arena arena = backend.openArena("product")) {
            return backend.download(backend.linear(arena, backend.upload(arena, samples.normal(1f, rows, 64)),
                    backend.weight(arena, samples.normal(DType.BF16, 1f, columns, 64), WeightRole.LINEAR), null,
                    Activation.SILU, null)).toFloats();
        }
    }
}
