package io.qwenimage.backend.cpu;

import io.qwenimage.backend.Activation;
import io.qwenimage.tensor.DType;
import org.bytedeco.dnnl.eltwise_forward;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.dnnl.global.dnnl.algorithm;
import org.bytedeco.dnnl.global.dnnl.prop_kind;
import org.bytedeco.dnnl.global.dnnl.scratchpad_mode;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.post_ops;
import org.bytedeco.dnnl.primitive_attr;

/**
 * A non-linearity over a run of elements, optionally multiplied by another run afterwards. oneDNN computes it, because
 * the JVM does not vectorise exponentials.
 *
 * @param count    elements
 * @param product  whether the result is multiplied by a third argument
 */
record Pointwise(long count, Activation activation, boolean product) {
    private static final int CHUNK = 1 << 14;

    /**
     * to = activation(from) [* factor]; {@code to} may be {@code from}.
     *
     * @param factor address, or 0 for none
     */
    static void run(final Worker worker, final Activation activation, final long from, final long factor,
            final long to, final long count) {
        for (long start = 0; start < count; start += CHUNK) {
            final long bytes = start * Float.BYTES;
            final Pointwise chunk = new Pointwise(Math.min(CHUNK, count - start), activation, factor != 0);
            final Call call = worker.call(chunk, key -> key.prepare(worker));
            if (factor == 0) {
                call.run(worker, from + bytes, to + bytes);
            } else {
                call.run(worker, from + bytes, to + bytes, factor + bytes);
            }
        }
    }

    private Call prepare(final Worker worker) {
        try (primitive_attr attributes = new primitive_attr(); post_ops epilogue = new post_ops()) {
            attributes.set_scratchpad_mode(scratchpad_mode.user);
            final memory.desc layout = Layouts.strided(DType.F32, 1, count, count, 1);
            if (product) {
                epilogue.append_binary(algorithm.binary_mul, layout);
                attributes.set_post_ops(epilogue);
            }
            final eltwise_forward.primitive_desc description = new eltwise_forward.primitive_desc(worker.engine(),
                    prop_kind.forward_inference, kind(activation), layout, layout, factor(activation), 0f, attributes, false);
            final eltwise_forward primitive = new eltwise_forward(description);
            return product
                    ? new Call(worker, description, primitive, dnnl.DNNL_ARG_SRC, dnnl.DNNL_ARG_DST,
                            dnnl.DNNL_ARG_ATTR_MULTIPLE_POST_OP_BASE | dnnl.DNNL_ARG_SRC_1)
                    : new Call(worker, description, primitive, dnnl.DNNL_ARG_SRC, dnnl.DNNL_ARG_DST);
        }
    }

    /** oneDNN's name of a non-linearity. */
    static algorithm kind(final Activation activation) {
        return switch (activation) {
            case SILU, QUICK_GELU -> algorithm.eltwise_swish;
            case GELU -> algorithm.eltwise_gelu_erf;
            case GELU_TANH -> algorithm.eltwise_gelu_tanh;
            case NONE -> algorithm.eltwise_linear;
        };
    }

    /** The parameter "alpha" that oneDNN wants with it. */
    static float factor(final Activation activation) {
        return switch (activation) {
            case SILU, NONE -> 1f;
            case QUICK_GELU -> 1.702f;
            case GELU, GELU_TANH -> 0f;
        };
    }
}
