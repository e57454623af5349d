package io.qwenimage.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.qwenimage.tensor.Tensor;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;

class OperationCounterTest {
    private static final int HEADS = 2;
    private static final int SIZE = 4;
    private static final int WIDTH = HEADS * SIZE;

    @Test
    void jointHeadsCountAsTheProductsThatTheyAreMadeOf() {
        final JointSequences sequences = JointSequences.one(3, 5);
        final double whole = operations((backend, arena) -> backend.jointHeads(arena, stream(backend, arena, 3),
                stream(backend, arena, 5), HEADS, 1e-6f, sequences));
        assertEquals(operations((backend, arena) -> JointHeads.composed(backend, arena, stream(backend, arena, 3),
                stream(backend, arena, 5), HEADS, 1e-6f, sequences)), whole);
        assertEquals(2 * 3 * (3 + 5) * WIDTH * WIDTH, whole);
    }

    @Test
    void attentionCountsTheKeysThatAQuerySees() {
        assertEquals(4 * 10 * WIDTH, attention(1, 10, AttentionPattern.CAUSAL), "a token after nine others");
        assertEquals(4 * (1 + 2 + 3) * WIDTH, attention(3, 3, AttentionPattern.CAUSAL));
        assertEquals(4 * 3 * 3 * WIDTH, attention(3, 3, AttentionPattern.FULL));
        assertEquals(4 * (1 + 2 * 2) * WIDTH, attention(3, 3, AttentionPattern.within(new int[] {0, 1, 3})));
    }

    private static double attention(final int queries, final int keys, final AttentionPattern pattern) {
        return operations((backend, arena) -> backend.attention(arena, heads(backend, arena, queries),
                heads(backend, arena, keys), heads(backend, arena, keys), pattern, 1));
    }

    private static double operations(final BiConsumer<Backend, Arena> work) {
        try (Backend backend = new ReferenceBackend()) {
            final OperationCounter counter = new OperationCounter(backend);
            try (Arena arena = backend.openArena("counted")) {
                work.accept(counter.backend(), arena);
            }
            return counter.operations();
        }
    }

    private static Tensor heads(final Backend backend, final Arena arena, final int tokens) {
        return backend.upload(arena, new Samples(1).normal(1f, tokens, HEADS, SIZE));
    }

    private static JointHeads.Stream stream(final Backend backend, final Arena arena, final int tokens) {
        final Samples samples = new Samples(2);
        final JointHeads.Projection projection = new JointHeads.Projection(
                backend.weight(arena, samples.normal(1f, WIDTH, WIDTH), WeightRole.LINEAR), null);
        final Tensor norm = backend.weight(arena, samples.normal(1f, SIZE), WeightRole.VECTOR);
        return new JointHeads.Stream(backend.upload(arena, samples.normal(1f, tokens, WIDTH)), projection, projection,
                projection, norm, norm, new RotaryTable(
                backend.uploadExact(arena, samples.normal(1f, tokens, SIZE / 2)),
                backend.uploadExact(arena, samples.normal(1f, tokens, SIZE / 2)), RotaryTable.Pairs.NEIGHBOURS));
    }
}
