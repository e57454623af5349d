package io.qwenimage.backend.cpu;

import io.qwenimage.backend.Activation;
import io.qwenimage.tensor.DType;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.dnnl.global.dnnl.algorithm;
import org.bytedeco.dnnl.global.dnnl.scratchpad_mode;
import org.bytedeco.dnnl.matmul;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.post_ops;
import org.bytedeco.dnnl.primitive_attr;

/**
 * Everything that one oneDNN matrix product depends on: destination = activation(scale * source weights + bias
 * [+ destination]) [+ residual], destination and residual in F32 with the same stride.
 *
 * @param rows        rows of source and destination
 * @param inner       columns of the source, rows of the weights
 * @param columns     columns of weights and destination
 * @param source      how the source lies in memory
 * @param weights     how the weights lie in memory
 * @param stride      elements between rows of destination and residual
 * @param bias        whether a vector [columns] is added
 * @param accumulate  whether the destination's previous content is added before the activation
 * @param activation  applied before the residual
 * @param residual    whether a matrix like the destination is added at the end
 * @param scale       factor of the product
 */
record MatrixProduct(long rows, long inner, long columns, Matrix source, Matrix weights, long stride, boolean bias,
        boolean accumulate, Activation activation, boolean residual, float scale) {
    // The blocked layout of packed weights must be the same for every number of rows, so one number decides it.
    private static final long ROWS_THAT_DECIDE_PACKING = 256;

    /**
     * Layout of a matrix.
     *
     * @param rowStride    elements from one row to the next
     * @param columnStride elements from one column to the next; both 0 for oneDNN's own blocked layout
     */
    record Matrix(DType dtype, long rowStride, long columnStride) {
        /** Weights in oneDNN's blocked layout. */
        static Matrix packed(final DType dtype) {
            return new Matrix(dtype, 0, 0);
        }

        /** The layout of a matrix of the given extents. */
        memory.desc layout(final Worker worker, final long rows, final long columns) {
            return rowStride == 0 ? packedLayout(worker, dtype, rows, columns)
                    : Layouts.strided(dtype, rows, columns, rowStride, columnStride);
        }

        /** Rows one after the other. */
        static Matrix dense(final DType dtype, final long columns) {
            return new Matrix(dtype, columns, 1);
        }

        /** The transpose of rows of the given length: how linear weights are stored. */
        static Matrix transposed(final DType dtype, final long inner) {
            return new Matrix(dtype, 1, inner);
        }
    }

    /** Argument order of the call: source, weights, destination, bias if any, residual if any. */
    Call prepare(final Worker worker) {
        try (primitive_attr attributes = new primitive_attr(); post_ops epilogue = new post_ops()) {
            attributes.set_scratchpad_mode(scratchpad_mode.user);
            if (scale != 1f) {
                epilogue.append_eltwise(algorithm.eltwise_linear, scale, 0f);
            }
            if (accumulate) {
                epilogue.append_sum(1f, 0, memory.data_type.f32);
            }
            appendActivation(epilogue, activation);
            final memory.desc destination = Layouts.strided(DType.F32, rows, columns, stride, 1);
            if (residual) {
                epilogue.append_binary(algorithm.binary_add, destination);
            }
            attributes.set_post_ops(epilogue);
            final matmul.primitive_desc description = describe(worker, attributes, destination);
            final int residualId = dnnl.DNNL_ARG_ATTR_MULTIPLE_POST_OP_BASE * epilogue.len() | dnnl.DNNL_ARG_SRC_1;
            return new Call(worker, description, new matmul(description), argumentIds(residualId));
        }
    }

    /** Layout of packed weights [inner, columns]. */
    static memory.desc packedLayout(final Worker worker, final DType dtype, final long inner, final long columns) {
        try (matmul.primitive_desc description = new matmul.primitive_desc(worker.engine(),
                Layouts.strided(dtype, ROWS_THAT_DECIDE_PACKING, inner, inner, 1),
                Layouts.free(dtype, inner, columns),
                Layouts.strided(DType.F32, ROWS_THAT_DECIDE_PACKING, columns, columns, 1))) {
            return description.weights_desc();
        }
    }

    /** Adds a non-linearity to an epilogue. */
    static void appendActivation(final post_ops epilogue, final Activation activation) {
        if (activation != Activation.NONE) {
            epilogue.append_eltwise(Pointwise.kind(activation), Pointwise.factor(activation), 0f);
        }
    }

    private matmul.primitive_desc describe(final Worker worker, final primitive_attr attributes,
            final memory.desc destination) {
        final memory.desc sourceLayout = source.layout(worker, rows, inner);
        final memory.desc weightLayout = weights.layout(worker, inner, columns);
        if (!bias) {
            return new matmul.primitive_desc(worker.engine(), sourceLayout, weightLayout, destination, attributes,
                    false);
        }
        return new matmul.primitive_desc(worker.engine(), sourceLayout, weightLayout,
                Layouts.strided(DType.F32, 1, columns, columns, 1), destination, attributes, false);
    }

    private int[] argumentIds(final int residualId) {
        final int[] ids = new int[3 + (bias ? 1 : 0) + (residual ? 1 : 0)];
        ids[0] = dnnl.DNNL_ARG_SRC;
        ids[1] = dnnl.DNNL_ARG_WEIGHTS;
        ids[2] = dnnl.DNNL_ARG_DST;
        if (bias) {
            ids[3] = dnnl.DNNL_ARG_BIAS;
        }
        if (residual) {
            ids[ids.length - 1] = residualId;
        }
        return ids;
    }
}
