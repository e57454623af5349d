package io.qwenimage.backend.cpu;

import io.qwenimage.backend.Activation;
import io.qwenimage.tensor.DType;
import java.nio.FloatBuffer;
import org.bytedeco.dnnl.eltwise_forward;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.dnnl.global.dnnl.algorithm;
import org.bytedeco.dnnl.global.dnnl.prop_kind;
import org.bytedeco.dnnl.global.dnnl.scratchpad_mode;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.primitive_attr;

/**
 * A non-linearity over a run of elements. oneDNN computes it, because the JVM does not vectorise exponentials.
 *
 * @param count elements
 */
record Pointwise(long count, Activation activation) {
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
            final int length = (int) Math.min(CHUNK, count - start);
            worker.call(new Pointwise(length, activation), key -> key.prepare(worker))
                    .run(worker, from + bytes, to + bytes);
            if (factor != 0) {
                multiply(worker, to + bytes, factor + bytes, length);
            }
        }
    }

    // As an epilogue of the non-linearity, oneDNN would compute the product one element at a time.
    private static void multiply(final Worker worker, final long target, final long factor, final int count) {
        final float[] values = worker.floats(0, count);
        final float[] factors = worker.floats(1, count);
        final FloatBuffer buffer = Address.floats(target, count);
        buffer.get(0, values, 0, count);
        Address.floats(factor, count).get(0, factors, 0, count);
        for (int i = 0; i < count; i++) {
            values[i] *= factors[i];
        }
        buffer.put(0, values, 0, count);
    }

    private Call prepare(final Worker worker) {
        try (primitive_attr attributes = new primitive_attr()) {
            attributes.set_scratchpad_mode(scratchpad_mode.user);
            final memory.desc layout = Layouts.strided(DType.F32, 1, count, count, 1);
            final eltwise_forward.primitive_desc description = new eltwise_forward.primitive_desc(worker.engine(),
                    prop_kind.forward_inference, kind(activation), layout, layout, factor(activation), 0f, attributes,
                    false);
            return new Call(worker, description, new eltwise_forward(description), dnnl.DNNL_ARG_SRC,
                    dnnl.DNNL_ARG_DST);
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
