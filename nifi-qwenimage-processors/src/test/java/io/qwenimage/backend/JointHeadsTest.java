package io.qwenimage.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@Tag("models")
class JointHeadsTest {
    private static final int HEADS = 3;
    private static final int SIZE = 16;
    private static final int WIDTH = 24;
    private static final double EPSILON = 1e-5;

    /** Sequences of different lengths, one, two and three of them. */
    private static final List<JointSequences> CASES = List.of(JointSequences.one(5, 7),
            JointSequences.one(2, 9).then(JointSequences.one(6, 9)),
            JointSequences.one(1, 4).then(JointSequences.one(3, 2)).then(JointSequences.one(2, 5)));

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#all")
    void equalWhatTheyAreComposedOf(final Backends.Named kind) {
        for (final JointSequences sequences : CASES) {
            final List<HostTensor> expected = joint(new ReferenceBackend(), kind, sequences, false);
            final List<HostTensor> plain = joint(kind.open(), kind, sequences, true);
            final List<HostTensor> actual = joint(kind.open(), kind, sequences, false);
            for (int i = 0; i < expected.size(); i++) {
                final float[] values = expected.get(i).toFloats();
                final double[] exact = IntStream.range(0, values.length).mapToDouble(j -> values[j]).toArray();
                kind.assertClose(exact, plain.get(i).toFloats(), actual.get(i), EPSILON * Samples.rms(exact));
            }
        }
    }

    /** Text first in even sequences, pictures first in odd ones. */
    @Test
    void theOrderKeepsPicturesOfTwoSequencesTogether() {
        final JointSequences sequences = JointSequences.one(1, 2).then(JointSequences.one(2, 2));
        try (Backend backend = new ReferenceBackend(); Arena arena = backend.openArena("test")) {
            final Tensor text = backend.upload(arena, HostTensor.ofFloats(Shape.of(3, 1), 1, 2, 3));
            final Tensor image = backend.upload(arena, HostTensor.ofFloats(Shape.of(4, 1), 10, 20, 30, 40));
            final Tensor joint = sequences.join(backend, arena, text, image);
            assertArrayEquals(new float[] {1, 10, 20, 30, 40, 2, 3}, backend.download(joint).toFloats());
            assertArrayEquals(new float[] {1, 2, 3},
                    backend.download(sequences.firstOf(backend, arena, joint)).toFloats());
            assertArrayEquals(new float[] {10, 20, 30, 40},
                    backend.download(sequences.secondOf(backend, arena, joint)).toFloats());
            assertArrayEquals(new int[] {0, 3, 7}, sequences.pattern().queryOffsets());
        }
    }

    /** Queries, keys, values, and the parts of the queries again; the backend is closed. */
    private static List<HostTensor> joint(final Backend opened, final Backends.Named kind,
            final JointSequences sequences, final boolean composed) {
        final Samples samples = kind.samples(sequences.count());
        try (Backend backend = opened; Arena arena = backend.openArena("test")) {
            final JointHeads.Stream text = stream(backend, arena, samples, sequences.first()[sequences.count()]);
            final JointHeads.Stream image = stream(backend, arena, samples, sequences.second()[sequences.count()]);
            final JointHeads heads = composed
                    ? JointHeads.composed(backend, arena, text, image, HEADS, 1e-6f, sequences)
                    : backend.jointHeads(arena, text, image, HEADS, 1e-6f, sequences);
            final List<HostTensor> results = new ArrayList<>();
            for (final Tensor part : List.of(heads.query(), heads.key(), heads.value(),
                    sequences.firstOf(backend, arena, heads.query()),
                    sequences.secondOf(backend, arena, heads.query()))) {
                results.add(backend.download(part));
            }
            return results;
        }
    }

    private static JointHeads.Stream stream(final Backend backend, final Arena arena, final Samples samples,
            final int tokens) {
        return new JointHeads.Stream(backend.upload(arena, samples.normal(1f, tokens, WIDTH)),
                projection(backend, arena, samples), projection(backend, arena, samples),
                projection(backend, arena, samples),
                backend.weight(arena, samples.normal(1f, SIZE), WeightRole.VECTOR),
                backend.weight(arena, samples.normal(1f, SIZE), WeightRole.VECTOR),
                new RotaryTable(backend.uploadExact(arena, samples.normal(1f, tokens, SIZE / 2)),
                        backend.uploadExact(arena, samples.normal(1f, tokens, SIZE / 2)),
                        RotaryTable.Pairs.NEIGHBOURS));
    }

    private static JointHeads.Projection projection(final Backend backend, final Arena arena, final Samples samples) {
        return new JointHeads.Projection(
                backend.weight(arena, samples.normal(0.2f, HEADS * SIZE, WIDTH), WeightRole.LINEAR),
                backend.weight(arena, samples.normal(1f, HEADS * SIZE), WeightRole.VECTOR));
    }
}
