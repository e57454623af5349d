package io.qwenimage.backend;

import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import io.qwenimage.kernels.standin.PosedDevice;
import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;

/**
 * Every operation on shapes that no published model has, against scalar Java: single rows, odd widths, heads of any
 * size, views that begin between two accesses of 16 bytes, large magnitudes. What a seed draws is the same for every
 * backend; {@code -Dqwenimage.draws} asks for more seeds than the few that a build has time for.
 */
@Tag("models")
class RandomShapesTest {
    private static final int DRAWS = Integer.getInteger("qwenimage.draws", 4);
    private static final double EPSILON = 2e-5;
    private static final float NORM_EPSILON = 1e-6f;
    /** What the kernel for Hopper takes; all other sizes go the way of earlier devices there too. */
    private static final int HOPPER_HEAD = 128;
    private static final int[] HEAD_SIZES = {1, 5, 8, 16, 20, 24, 32, 33, 40, 48, 56, 72, 80, 96, 112, 136, 160, 200,
        256, 300};
    /** What is stored once before the result is: a product before its epilogue, the weights of values. */
    private static final Set<String> TWICE_STORED = Set.of("linear", "convolution", "attention", "causal attention",
            "attention of one query", "attention within sequences", "joint heads", "gated sums and norms");
    private static final DType[] WEIGHT_TYPES = {DType.F32, DType.BF16, DType.F16, DType.F8_E4M3};

    /** An operation on arguments that are drawn. */
    @FunctionalInterface
    private interface Operation {
        Tensor run(Draw draw);
    }

    private static final Map<String, Operation> OPERATIONS = operations();

    /** Arguments for one call on one backend. */
    private record Draw(Backend backend, Arena arena, Samples samples, Random random) {
        int upTo(final int most) {
            return 1 + random.nextInt(most);
        }

        boolean maybe() {
            return random.nextBoolean();
        }

        <T> T of(final T[] choices) {
            return choices[random.nextInt(choices.length)];
        }

        /** Activations that begin anywhere in a larger tensor. */
        Tensor tensor(final float spread, final long... extents) {
            return view(spread, false, extents);
        }

        Tensor exact(final float spread, final long... extents) {
            return view(spread, true, extents);
        }

        private Tensor view(final float spread, final boolean exact, final long... extents) {
            final Shape shape = Shape.of(extents);
            final int skipped = random.nextInt(8);
            final HostTensor values = samples.normal(spread, shape.elements() + skipped);
            return backend.slice(exact ? backend.uploadExact(arena, values) : backend.upload(arena, values), skipped,
                    shape);
        }

        Tensor vector(final long width) {
            return maybe() ? tensor(1f, width) : backend.weight(arena, samples.normal(of(WEIGHT_TYPES), 1f, width),
                    WeightRole.VECTOR);
        }

        Tensor weight(final WeightRole role, final float spread, final long... extents) {
            return backend.weight(arena, samples.normal(of(WEIGHT_TYPES), spread, extents), role);
        }

        /** Now and then large enough that squares and products leave what 16 bits hold. */
        float spread() {
            return maybe() ? 1f : 3e5f;
        }
    }

    @TestFactory
    List<DynamicTest> equalTheReference() {
        final List<DynamicTest> tests = new ArrayList<>();
        for (final Backends.Named kind : Backends.shipped()) {
            OPERATIONS.forEach((name, operation) -> tests.add(dynamicTest(name + " on " + kind,
                    () -> check(kind, name, operation))));
        }
        final Backends.Named hopper = new Backends.Named("cuda on an H100, BF16",
                () -> CudaBackends.open(DType.BF16, PosedDevice.h100()), DType.BF16, true);
        tests.add(dynamicTest("attention on " + hopper, () -> check(hopper, "attention",
                draw -> attention(draw, draw.upTo(20), draw.maybe(), HOPPER_HEAD))));
        tests.add(dynamicTest("attention within sequences on " + hopper, () -> check(hopper,
                "attention within sequences", draw -> sequences(draw, HOPPER_HEAD))));
        return tests;
    }

    private static void check(final Backends.Named kind, final String name, final Operation operation) {
        try (Backend reference = new ReferenceBackend(); Backend backend = kind.open()) {
            for (int seed = 0; seed < DRAWS; seed++) {
                final float[] plain = run(reference, kind, operation, seed).toFloats();
                final double[] expected = IntStream.range(0, plain.length).mapToDouble(i -> plain[i]).toArray();
                final double largest = Arrays.stream(expected).map(Math::abs).max().orElse(0);
                try {
                    kind.assertClose(expected, plain, run(backend, kind, operation, seed),
                            EPSILON * largest + (TWICE_STORED.contains(name) ? kind.stored(largest) : 0));
                } catch (final AssertionError | RuntimeException e) {
                    throw new AssertionError(name + " on " + kind + " of seed " + seed + ": " + e.getMessage(), e);
                }
            }
        }
    }

    private static HostTensor run(final Backend backend, final Backends.Named kind, final Operation operation,
            final int seed) {
        try (Arena arena = backend.openArena("drawn")) {
            return backend.download(operation.run(new Draw(backend, arena, kind.samples(seed), new Random(seed))));
        }
    }

    private static Map<String, Operation> operations() {
        final Map<String, Operation> operations = new LinkedHashMap<>();
        operations.put("linear", RandomShapesTest::linear);
        operations.put("convolution", RandomShapesTest::convolution);
        operations.put("attention", draw -> attention(draw, draw.upTo(20), false, headSize(draw)));
        operations.put("causal attention", draw -> attention(draw, draw.upTo(40), true, headSize(draw)));
        operations.put("attention of one query", draw -> attention(draw, 1, true, headSize(draw)));
        operations.put("attention within sequences", draw -> sequences(draw, headSize(draw)));
        operations.put("heads", RandomShapesTest::heads);
        operations.put("joint heads", RandomShapesTest::jointHeads);
        operations.put("gated sums and norms", RandomShapesTest::gatedNorms);
        operations.put("layer norm", draw -> {
            final int width = draw.upTo(150);
            return draw.backend().layerNorm(draw.arena(), draw.tensor(draw.spread(), draw.upTo(5), width),
                    draw.vector(width), draw.vector(width), NORM_EPSILON);
        });
        operations.put("modulated norm", draw -> {
            final int width = draw.upTo(150);
            return draw.backend().adaLayerNorm(draw.arena(), draw.tensor(draw.spread(), draw.upTo(5), width),
                    draw.vector(width), draw.vector(width), NORM_EPSILON);
        });
        operations.put("root mean square norm", draw -> {
            final int width = draw.upTo(150);
            return draw.backend().rmsNorm(draw.arena(), draw.tensor(draw.spread(), draw.upTo(5), width),
                    draw.vector(width), NORM_EPSILON);
        });
        operations.put("norm over channels", draw -> {
            final int channels = draw.upTo(70);
            return draw.backend().channelNorm(draw.arena(),
                    draw.tensor(draw.spread(), draw.upTo(4), draw.upTo(5), channels), draw.vector(channels),
                    draw.of(Activation.values()));
        });
        operations.put("gated sum", draw -> {
            final int rows = draw.upTo(5);
            final int width = draw.upTo(150);
            return draw.backend().gatedAdd(draw.arena(), draw.tensor(draw.spread(), rows, width),
                    draw.tensor(1f, rows, width), draw.vector(width));
        });
        operations.put("sum", draw -> {
            final long[] shape = anyShape(draw);
            return draw.backend().add(draw.arena(), draw.tensor(1f, shape), draw.tensor(1f, shape));
        });
        operations.put("swiGlu", draw -> {
            final long[] shape = anyShape(draw);
            return draw.backend().swiGlu(draw.arena(), draw.tensor(3f, shape), draw.tensor(1f, shape));
        });
        operations.put("non-linearity", draw -> draw.backend().activate(draw.arena(), draw.tensor(4f, anyShape(draw)),
                draw.of(Activation.values())));
        operations.put("rows joined", draw -> {
            final int width = draw.upTo(9);
            return draw.backend().concat(draw.arena(), draw.tensor(1f, draw.upTo(3), width),
                    draw.tensor(1f, draw.random().nextInt(2), width), draw.tensor(1f, draw.upTo(3), width));
        });
        operations.put("rows stored", draw -> {
            final int width = draw.upTo(9);
            final int rows = draw.upTo(3);
            final Tensor target = draw.tensor(1f, 7, width);
            draw.backend().store(target, draw.random().nextInt(7 - rows), draw.tensor(1f, rows, width));
            return target;
        });
        operations.put("embedding", draw -> draw.backend().embedding(draw.arena(),
                draw.weight(WeightRole.EMBEDDING, 1f, 11, draw.upTo(70)),
                IntStream.range(0, draw.random().nextInt(9)).map(i -> draw.random().nextInt(11)).toArray()));
        operations.put("pixels repeated", draw -> draw.backend().upsampleNearest(draw.arena(),
                draw.tensor(1f, draw.upTo(4), draw.upTo(4), draw.upTo(13))));
        operations.put("guidance", draw -> {
            final long[] shape = {draw.upTo(5), draw.upTo(100)};
            return draw.backend().guidanceStep(draw.arena(), draw.exact(1f, shape), draw.tensor(1f, shape),
                    draw.maybe() ? draw.tensor(1f, shape) : null, 3f, draw.exact(0.1f, 1));
        });
        return operations;
    }

    private static long[] anyShape(final Draw draw) {
        final long[] shape = new long[draw.upTo(4)];
        Arrays.setAll(shape, axis -> draw.upTo(7));
        shape[0] = draw.random().nextInt(4) == 0 ? 0 : shape[0];
        return shape;
    }

    private static Tensor linear(final Draw draw) {
        final int rows = draw.upTo(20);
        final int in = draw.upTo(140);
        final int out = draw.upTo(60);
        return draw.backend().linear(draw.arena(), draw.tensor(draw.spread(), rows, in),
                draw.weight(WeightRole.LINEAR, 0.2f, out, in), draw.maybe() ? draw.vector(out) : null,
                draw.of(Activation.values()), draw.maybe() ? draw.tensor(1f, rows, out) : null);
    }

    private static Tensor convolution(final Draw draw) {
        final int[] kernel = {draw.upTo(3), draw.upTo(3)};
        final int[] size = {kernel[0] + draw.upTo(6) - 1, kernel[1] + draw.upTo(6) - 1};
        final int in = draw.upTo(20);
        final int out = draw.upTo(20);
        final int stride = draw.upTo(2);
        final Padding padding = new Padding(draw.random().nextInt(3), draw.random().nextInt(2),
                draw.random().nextInt(3), draw.random().nextInt(2));
        final long height = (size[0] + padding.top() + padding.bottom() - kernel[0]) / stride + 1;
        final long width = (size[1] + padding.left() + padding.right() - kernel[1]) / stride + 1;
        return draw.backend().convolution(draw.arena(), draw.tensor(1f, size[0], size[1], in),
                draw.weight(WeightRole.CONVOLUTION, 0.2f, out, in, kernel[0], kernel[1]),
                draw.maybe() ? draw.vector(out) : null, stride, padding,
                draw.maybe() ? draw.tensor(1f, height, width, out) : null);
    }

    private static int headSize(final Draw draw) {
        return HEAD_SIZES[draw.random().nextInt(HEAD_SIZES.length)];
    }

    private static Tensor attention(final Draw draw, final int queries, final boolean causal, final int size) {
        final int keys = queries + draw.random().nextInt(60);
        final int keyHeads = draw.upTo(3);
        return draw.backend().attention(draw.arena(), draw.tensor(1f, queries, (long) keyHeads * draw.upTo(4), size),
                draw.tensor(1f, keys, keyHeads, size), draw.tensor(1f, keys, keyHeads, size),
                causal ? AttentionPattern.CAUSAL : AttentionPattern.FULL, (float) (1 / Math.sqrt(size)));
    }

    private static Tensor sequences(final Draw draw, final int size) {
        final int[] offsets = new int[1 + draw.upTo(4)];
        for (int i = 1; i < offsets.length; i++) {
            offsets[i] = offsets[i - 1] + draw.random().nextInt(12);
        }
        offsets[offsets.length - 1]++;
        final int length = offsets[offsets.length - 1];
        final int heads = draw.upTo(3);
        return draw.backend().attention(draw.arena(), draw.tensor(1f, length, heads, size),
                draw.tensor(1f, length, heads, size), draw.tensor(1f, length, heads, size),
                new AttentionPattern(draw.maybe(), offsets, offsets), (float) (1 / Math.sqrt(size)));
    }

    private static Tensor heads(final Draw draw) {
        final int length = draw.upTo(5);
        final int heads = draw.upTo(4);
        final boolean rotates = draw.maybe();
        final int size = rotates ? 2 * draw.upTo(70) : draw.upTo(140);
        return draw.backend().qkNormRope(draw.arena(), draw.tensor(1f, length, (long) heads * size), heads,
                draw.maybe() ? draw.vector(size) : null, NORM_EPSILON, rotates ? rotary(draw, length, size) : null);
    }

    private static Tensor jointHeads(final Draw draw) {
        final int heads = draw.upTo(4);
        final int size = 2 * draw.upTo(40);
        JointSequences sequences = JointSequences.one(draw.upTo(4), draw.upTo(4));
        for (int more = draw.random().nextInt(10); more > 0; more--) {
            sequences = sequences.then(JointSequences.one(draw.upTo(3), draw.upTo(3)));
        }
        final JointHeads joint = draw.backend().jointHeads(draw.arena(),
                stream(draw, sequences.first()[sequences.count()], heads, size),
                stream(draw, sequences.second()[sequences.count()], heads, size), heads, NORM_EPSILON, sequences);
        return draw.backend().concat(draw.arena(), joint.query(), joint.key(), joint.value());
    }

    private static JointHeads.Stream stream(final Draw draw, final int tokens, final int heads, final int size) {
        final int in = draw.upTo(70);
        return new JointHeads.Stream(draw.tensor(1f, tokens, in), projection(draw, heads * size, in),
                projection(draw, heads * size, in), projection(draw, heads * size, in), draw.vector(size),
                draw.vector(size), rotary(draw, tokens, size, RotaryTable.Pairs.NEIGHBOURS));
    }

    private static JointHeads.Projection projection(final Draw draw, final int out, final int in) {
        return new JointHeads.Projection(draw.weight(WeightRole.LINEAR, 0.2f, out, in),
                draw.maybe() ? draw.vector(out) : null);
    }

    /** Up to three streams of up to four spans. */
    private static Tensor gatedNorms(final Draw draw) {
        final int width = 40 + draw.upTo(260); // of a few elements the norm would magnify what the sum was rounded by
        final List<GatedNorm.Stream> streams = new ArrayList<>();
        for (int stream = draw.upTo(3); stream > 0; stream--) {
            final List<GatedNorm.Span> spans = new ArrayList<>();
            int rows = draw.upTo(3);
            spans.add(new GatedNorm.Span(rows, draw.vector(width), draw.vector(width), draw.vector(width)));
            for (int more = draw.random().nextInt(4); more > 0; more--) {
                final int count = draw.upTo(3);
                rows += count;
                spans.add(new GatedNorm.Span(count, draw.vector(width), draw.vector(width), draw.vector(width)));
            }
            streams.add(new GatedNorm.Stream(draw.tensor(1f, rows, width), draw.tensor(1f, rows, width), spans));
        }
        return draw.backend().concat(draw.arena(), draw.backend().gatedAddAdaLayerNorm(draw.arena(), NORM_EPSILON,
                streams.toArray(GatedNorm.Stream[]::new)).stream()
                .flatMap(result -> Stream.of(result.sum(), result.normed())).toArray(Tensor[]::new));
    }

    private static RotaryTable rotary(final Draw draw, final int length, final int size) {
        return rotary(draw, length, size, draw.of(RotaryTable.Pairs.values()));
    }

    private static RotaryTable rotary(final Draw draw, final int length, final int size,
            final RotaryTable.Pairs pairs) {
        return new RotaryTable(draw.exact(1f, length, size / 2), draw.exact(1f, length, size / 2), pairs);
    }
}
