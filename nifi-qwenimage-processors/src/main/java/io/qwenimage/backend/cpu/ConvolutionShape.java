package io.qwenimage.backend.cpu;

import io.qwenimage.tensor.DType;
import org.bytedeco.dnnl.convolution_forward;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.dnnl.global.dnnl.algorithm;
import org.bytedeco.dnnl.global.dnnl.prop_kind;
import org.bytedeco.dnnl.global.dnnl.scratchpad_mode;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.post_ops;
import org.bytedeco.dnnl.primitive_attr;

/**
 * Everything that one oneDNN convolution over a band of a picture depends on.
 *
 * @param kernel       extents, stride and type of the weights
 * @param height       input rows of the band
 * @param width        input columns
 * @param top          rows of zeros above
 * @param bottom       rows of zeros below
 * @param left         columns of zeros on the left
 * @param right        columns of zeros on the right
 * @param bias         whether a vector [out] is added
 * @param accumulate   whether the destination's previous content is added
 * @param residual     whether a picture like the destination is added
 */
record ConvolutionShape(Kernel kernel, long height, long width, long top, long bottom, long left, long right,
        boolean bias, boolean accumulate, boolean residual) {
    /**
     * The weights of a convolution.
     *
     * @param dtype that source and weights have in the computation
     */
    record Kernel(long out, long in, long height, long width, long stride, DType dtype) {
        /** Layout of weights as PyTorch stores them. */
        memory.desc storedLayout() {
            return new memory.desc(new long[] {out, in, height, width}, Layouts.type(dtype), memory.format_tag.oihw);
        }
    }

    /** The same with another epilogue. */
    ConvolutionShape with(final boolean withBias, final boolean withSum, final boolean withResidual) {
        return new ConvolutionShape(kernel, height, width, top, bottom, left, right, withBias, withSum, withResidual);
    }

    /** The same without epilogue. */
    ConvolutionShape plain() {
        return with(false, false, false);
    }

    /** Output rows. */
    long outputHeight() {
        return (height + top + bottom - kernel.height) / kernel.stride + 1;
    }

    /** Output columns. */
    long outputWidth() {
        return (width + left + right - kernel.width) / kernel.stride + 1;
    }

    /** The layout that oneDNN likes best for the weights; it depends on the size of the band. */
    memory.desc chosenLayout(final Worker worker) {
        try (primitive_attr attributes = new primitive_attr();
                convolution_forward.primitive_desc description = describe(worker, attributes,
                        Layouts.free(kernel.dtype, kernel.out, kernel.in, kernel.height, kernel.width))) {
            return description.weights_desc();
        }
    }

    /**
     * Argument order of the call: source, weights, destination, bias if any, residual if any.
     *
     * @param weights their layout
     */
    Call prepare(final Worker worker, final memory.desc weights) {
        try (primitive_attr attributes = new primitive_attr(); post_ops epilogue = new post_ops()) {
            attributes.set_scratchpad_mode(scratchpad_mode.user);
            if (accumulate) {
                epilogue.append_sum(1f, 0, memory.data_type.f32);
            }
            if (residual) {
                epilogue.append_binary(algorithm.binary_add, destination());
            }
            attributes.set_post_ops(epilogue);
            final convolution_forward.primitive_desc description = describe(worker, attributes, weights);
            final int residualId = dnnl.DNNL_ARG_ATTR_MULTIPLE_POST_OP_BASE * epilogue.len() | dnnl.DNNL_ARG_SRC_1;
            return new Call(worker, description, new convolution_forward(description), argumentIds(residualId));
        }
    }

    private convolution_forward.primitive_desc describe(final Worker worker, final primitive_attr attributes,
            final memory.desc weights) {
        final memory.desc source = Layouts.picture(kernel.dtype, height, width, kernel.in);
        final memory.desc biasLayout = bias
                ? new memory.desc(new long[] {kernel.out}, memory.data_type.f32, memory.format_tag.a)
                : new memory.desc();
        final long[] strides = {kernel.stride, kernel.stride};
        return new convolution_forward.primitive_desc(worker.engine(), prop_kind.forward_inference,
                algorithm.convolution_direct, source, weights, biasLayout, destination(), strides,
                new long[] {top, left}, new long[] {bottom, right}, attributes, false);
    }

    private memory.desc destination() {
        return Layouts.picture(DType.F32, outputHeight(), outputWidth(), kernel.out);
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
