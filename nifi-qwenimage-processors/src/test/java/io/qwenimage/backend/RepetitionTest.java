package io.qwenimage.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Rounds that a backend may record give what they give as they come. */
@Tag("models")
class RepetitionTest {
    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#all")
    void everyRoundReadsItsOwnInputs(final Backends.Named kind) {
        try (Backend backend = kind.open(); Arena arena = backend.openArena("test");
                Repetition rounds = backend.repeat((inner, inputs) -> backend.add(inner, inputs[0], inputs[1]))) {
            for (int round = 0; round < 4; round++) {
                assertArrayEquals(new float[] {round + 10f, round + 21f}, sum(backend, arena, rounds, round, 2));
            }
            // Another shape is another record.
            for (int round = 0; round < 3; round++) {
                assertArrayEquals(new float[] {round + 10f, round + 21f, round + 32f},
                        sum(backend, arena, rounds, round, 3));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#all")
    void roundsGoOnWhereARecordFindsNoMemory(final Backends.Named kind) {
        final AtomicInteger calls = new AtomicInteger();
        try (Backend backend = kind.open(); Arena arena = backend.openArena("test");
                Repetition rounds = backend.repeat((inner, inputs) -> {
                    final Tensor twice = backend.add(inner, inputs[0], inputs[0]);
                    if (calls.incrementAndGet() == 2 && backend.gainsFromBatches()) {
                        throw new ResourceExhaustedException("no memory for a record");
                    }
                    return backend.add(inner, twice, inputs[1]);
                })) {
            for (int round = 0; round < 4; round++) {
                assertArrayEquals(new float[] {2 * round + 10f, 2 * round + 22f},
                        sum(backend, arena, rounds, round, 2));
            }
            // As they come: each round asks for its work, and so did the record that came to nothing.
            assertEquals(backend.gainsFromBatches() ? 5 : 4, calls.get());
        }
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#all")
    void aRoundThatIsCalledOffLeavesTheNextOnesAlone(final Backends.Named kind) {
        final AtomicInteger calls = new AtomicInteger();
        try (Backend backend = kind.open(); Arena arena = backend.openArena("test");
                Repetition rounds = backend.repeat((inner, inputs) -> {
                    final Tensor sum = backend.add(inner, inputs[0], inputs[1]);
                    if (calls.incrementAndGet() == 2) {
                        throw new CancellationException();
                    }
                    return sum;
                })) {
            sum(backend, arena, rounds, 0, 2);
            assertThrows(CancellationException.class, () -> sum(backend, arena, rounds, 1, 2));
            assertArrayEquals(new float[] {12, 23}, sum(backend, arena, rounds, 2, 2));
            assertArrayEquals(new float[] {13, 24}, sum(backend, arena, rounds, 3, 2));
        }
    }

    /** The round over [round, round + 1, ...] and [10, 20, ...]. */
    private static float[] sum(final Backend backend, final Arena arena, final Repetition rounds, final int round,
            final int length) {
        final float[] one = new float[length];
        final float[] other = new float[length];
        for (int i = 0; i < length; i++) {
            one[i] = round + i;
            other[i] = 10f * (i + 1);
        }
        try (Arena scratch = arena.open("round")) {
            return backend.download(rounds.run(scratch, backend.upload(scratch, HostTensor.ofFloats(Shape.of(1, length),
                    one)), backend.upload(scratch, HostTensor.ofFloats(Shape.of(1, length), other)))).toFloats();
        }
    }
}
