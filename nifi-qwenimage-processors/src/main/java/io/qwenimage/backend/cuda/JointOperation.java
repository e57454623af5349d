package io.qwenimage.backend.cuda;

import io.qwenimage.backend.JointHeads;
import io.qwenimage.backend.JointSequences;
import io.qwenimage.backend.Require;
import io.qwenimage.kernels.JointHeadKernels;
import io.qwenimage.kernels.driver.CudaStream;
import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;

/** Queries, keys and values of joint attention by one launch. */
final class JointOperation {
    private static final int PARTS = 3;

    private final CudaStream stream;
    private final DType type;
    private final JointHeadKernels kernels;

    /**
     * Puts all work on a stream.
     *
     * @param type of activations
     */
    JointOperation(final CudaStream stream, final DType type) {
        this.stream = stream;
        this.type = type;
        kernels = new JointHeadKernels(stream.device());
    }

    /** See {@code Backend.jointHeads}. */
    JointHeads joint(final CudaArena arena, final JointHeads.Stream first, final JointHeads.Stream second,
            final int heads, final float eps, final JointSequences sequences) {
        final long width = first.query().shape().extent(-1);
        Require.that(heads > 0 && width % heads == 0, "query %s cannot be split into %s heads", first.query(),
                heads);
        Require.that(first.rotary().pairs() == second.rotary().pairs(),
                "one stream is rotated by %s, the other by %s", first.rotary().pairs(), second.rotary().pairs());
        final long size = width / heads;
        final JointHeadKernels.Stream one = stream(first, heads, size, sequences.first());
        final JointHeadKernels.Stream other = stream(second, heads, size, sequences.second());
        final long tokens = first.query().shape().extent(0) + second.query().shape().extent(0);
        final CudaTensor result = arena.allocate(type, Shape.of(PARTS, tokens, heads, size));
        kernels.joint(stream, one, other, eps, KernelNames.of(first.rotary().pairs()), result.view());
        final Shape part = Shape.of(tokens, heads, size);
        return new JointHeads(result.view(0, part), result.view(part.elements(), part),
                result.view(2 * part.elements(), part));
    }

    private JointHeadKernels.Stream stream(final JointHeads.Stream given, final int heads, final long size,
            final int[] offsets) {
        final long tokens = given.query().shape().extent(0);
        final Shape rows = Shape.of(tokens, heads * size);
        final Shape angles = Shape.of(tokens, size / 2);
        return new JointHeadKernels.Stream(projection(given.query(), rows, "query").reshape(tokens, heads, size).view(),
                projection(given.key(), rows, "key").reshape(tokens, heads, size).view(),
                projection(given.value(), rows, "value").reshape(tokens, heads, size).view(),
                projection(given.queryNorm(), Shape.of(size), "query norm").view(),
                projection(given.keyNorm(), Shape.of(size), "key norm").view(),
                Operands.shaped(given.rotary().cosine(), angles, "cosine").view(),
                Operands.shaped(given.rotary().sine(), angles, "sine").view(), offsets);
    }

    private CudaTensor projection(final Tensor tensor, final Shape shape, final String name) {
        final CudaTensor own = Operands.shaped(tensor, shape, name);
        Require.that(own.dtype() == type, "%s %s must be %s", name, tensor, type);
        return own;
    }
}
