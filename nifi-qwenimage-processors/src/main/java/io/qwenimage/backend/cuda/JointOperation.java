package io.qwenimage.backend.cuda;

import io.qwenimage.backend.Activation;
import io.qwenimage.backend.JointHeads;
import io.qwenimage.backend.JointSequences;
import io.qwenimage.backend.Require;
import io.qwenimage.backend.WeightRole;
import io.qwenimage.kernels.JointHeadKernels;
import io.qwenimage.kernels.driver.CudaStream;
import io.qwenimage.kernels.driver.TensorView;
import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.OptionalInt;

/**
 * Queries, keys and values of joint attention. Products write the second stream's where the result has them, if its tokens
 * lie together there; one launch then normalises and rotates them in place, and brings the first stream's to theirs.
 */
final class JointOperation {
    private static final int PARTS = 3;

    private final CudaStream stream;
    private final DType type;
    private final Projections projections;
    private final JointHeadKernels kernels;

    /** Queries, keys and values of one stream, [tokens, H, D] each. */
    private record Projected(CudaTensor query, CudaTensor key, CudaTensor value) {
    }

    /**
     * Puts all work on a stream.
     *
     * @param type of activations
     */
    JointOperation(final CudaStream stream, final DType type, final Projections projections) {
        this.stream = stream;
        this.type = type;
        this.projections = projections;
        kernels = new JointHeadKernels(stream.device());
    }

    /** See {@code Backend.jointHeads}. */
    JointHeads joint(final CudaArena arena, final JointHeads.Stream first, final JointHeads.Stream second,
            final int heads, final float eps, final JointSequences sequences) {
        final long width = first.query().weight().shape().extent(0);
        Require.that(heads > 0 && width % heads == 0, "query weight %s cannot be split into %s heads",
                first.query().weight(), heads);
        Require.that(first.rotary().pairs() == second.rotary().pairs(),
                "one stream is rotated by %s, the other by %s", first.rotary().pairs(), second.rotary().pairs());
        final long ofFirst = first.tokens().shape().extent(0);
        final long ofSecond = second.tokens().shape().extent(0);
        final Shape part = Shape.of(ofFirst + ofSecond, heads, width / heads);
        final CudaTensor result = arena.allocate(type, Shape.of(PARTS, part.extent(0), heads, width / heads));
        try (CudaArena scratch = arena.open("projections of joint attention")) {
            final OptionalInt together = sequences.secondTogether();
            final Projected text = projected(first, empty(scratch, ofFirst, part));
            final Projected image = projected(second, together.isEmpty() ? empty(scratch, ofSecond, part)
                    : places(result, part, together.getAsInt(), ofSecond));
            kernels.joint(stream, stream(first, text, sequences.first(), false),
                    stream(second, image, sequences.second(), together.isPresent()), eps,
                    KernelNames.of(first.rotary().pairs()), result.view());
        }
        return new JointHeads(result.view(0, part), result.view(part.elements(), part),
                result.view(2 * part.elements(), part));
    }

    private Projected empty(final CudaArena arena, final long tokens, final Shape part) {
        final Shape shape = Shape.of(tokens, part.extent(1), part.extent(2));
        return new Projected(arena.allocate(type, shape), arena.allocate(type, shape), arena.allocate(type, shape));
    }

    /** Rows of the three parts of the result. */
    private static Projected places(final CudaTensor result, final Shape part, final long row, final long tokens) {
        final Shape shape = Shape.of(tokens, part.extent(1), part.extent(2));
        final long start = row * part.extent(1) * part.extent(2);
        return new Projected(result.view(start, shape), result.view(part.elements() + start, shape),
                result.view(2 * part.elements() + start, shape));
    }

    private Projected projected(final JointHeads.Stream given, final Projected places) {
        project(given.tokens(), given.query(), places.query());
        project(given.tokens(), given.key(), places.key());
        project(given.tokens(), given.value(), places.value());
        return places;
    }

    private void project(final Tensor tokens, final JointHeads.Projection projection, final CudaTensor place) {
        final CudaTensor source = active(tokens, "tokens");
        final PreparedWeight weight = Operands.prepared(projection.weight(), WeightRole.LINEAR);
        final Shape rows = Shape.of(place.shape().extent(0), place.shape().extent(1) * place.shape().extent(2));
        Require.that(weight.shape().equals(Shape.of(rows.extent(1), source.shape().extent(1))),
                "weight %s does not lead from tokens %s to heads %s", weight, tokens, place);
        projections.linear(source, weight.rows(),
                Operands.optional(projection.bias(), Shape.of(rows.extent(1)), "bias"), Activation.NONE, null,
                place.view(0, rows));
    }

    private JointHeadKernels.Stream stream(final JointHeads.Stream given, final Projected projected,
            final int[] offsets, final boolean valuesInPlace) {
        final long size = projected.query().shape().extent(2);
        final Shape angles = Shape.of(projected.query().shape().extent(0), size / 2);
        return new JointHeadKernels.Stream(projected.query().view(), projected.key().view(),
                valuesInPlace ? null : projected.value().view(), norm(given.queryNorm(), size, "query norm"),
                norm(given.keyNorm(), size, "key norm"), Operands.shaped(given.rotary().cosine(), angles, "cosine").view(),
                Operands.shaped(given.rotary().sine(), angles, "sine").view(), offsets);
    }

    private TensorView norm(final Tensor tensor, final long size, final String name) {
        return active(Operands.shaped(tensor, Shape.of(size), name), name).view();
    }

    private CudaTensor active(final Tensor tensor, final String name) {
        final CudaTensor own = Operands.own(tensor, name);
        Require.that(own.dtype() == type, "%s %s must be %s", name, tensor, type);
        return own;
    }
}
