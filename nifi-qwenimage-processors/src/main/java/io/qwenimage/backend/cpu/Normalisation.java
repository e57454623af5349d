package io.qwenimage.backend.cpu;

import io.qwenimage.backend.Activation;
import io.qwenimage.tensor.DType;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.dnnl.global.dnnl.normalization_flags;
import org.bytedeco.dnnl.global.dnnl.prop_kind;
import org.bytedeco.dnnl.global.dnnl.scratchpad_mode;
import org.bytedeco.dnnl.layer_normalization_forward;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.primitive_attr;

/**
 * oneDNN's norm of rows: (x - mean) / sqrt(var + eps) scale + shift, or x / sqrt(mean(x^2) + eps) scale.
 *
 * @param rows     number of rows
 * @param width    their length
 * @param centred  the former, else the latter
 */
record Normalisation(long rows, long width, boolean centred, float eps) {
    private static final int SCALE_SLOT = 1;
    private static final int SHIFT_SLOT = 2;
    private static final long ELEMENTS_AT_ONCE = 1 << 15;

    /**
     * Normalises rows of x, by all workers.
     *
     * @param shift null for the form without mean
     */
    static void run(final WorkerPool workers, final CpuTensor x, final float[] scale, final float[] shift,
            final float eps, final Activation activation, final CpuTensor result) {
        final int width = x.shape().intExtent(-1);
        final int together = (int) Math.max(1, ELEMENTS_AT_ONCE / width);
        workers.runRows(x.shape().rows(), together, (worker, first, end) -> {
            final long scaleAt = vector(worker, SCALE_SLOT, scale);
            final long shiftAt = shift == null ? 0 : vector(worker, SHIFT_SLOT, shift);
            for (long start = first; start < end; start += together) {
                final long rows = Math.min(together, end - start);
                final Call call = worker.call(new Normalisation(rows, width, shift != null, eps),
                        key -> key.prepare(worker));
                final long from = x.address(start * width);
                final long to = result.address(start * width);
                if (shift == null) {
                    call.run(worker, from, to, scaleAt);
                } else {
                    call.run(worker, from, to, scaleAt, shiftAt);
                }
                if (activation != Activation.NONE) {
                    Pointwise.run(worker, activation, to, 0, to, rows * width);
                }
            }
        });
    }

    private Call prepare(final Worker worker) {
        try (primitive_attr attributes = new primitive_attr()) {
            attributes.set_scratchpad_mode(scratchpad_mode.user);
            final memory.desc layout = Layouts.strided(DType.F32, rows, width, width, 1);
            final int flags = centred
                    ? normalization_flags.use_scale.value | normalization_flags.use_shift.value
                    : normalization_flags.use_scale.value | normalization_flags.rms_norm.value;
            final layer_normalization_forward.primitive_desc description =
                    new layer_normalization_forward.primitive_desc(worker.engine(),
                            prop_kind.forward_inference.value, layout, layout, eps, flags, attributes, false);
            final layer_normalization_forward primitive = new layer_normalization_forward(description);
            return centred
                    ? new Call(worker, description, primitive, dnnl.DNNL_ARG_SRC, dnnl.DNNL_ARG_DST,
                            dnnl.DNNL_ARG_SCALE, dnnl.DNNL_ARG_SHIFT)
                    : new Call(worker, description, primitive, dnnl.DNNL_ARG_SRC, dnnl.DNNL_ARG_DST,
                            dnnl.DNNL_ARG_SCALE);
        }
    }

    private static long vector(final Worker worker, final int slot, final float[] values) {
        final long address = worker.scratch(slot, (long) values.length * Float.BYTES);
        Address.floats(address, values.length).put(0, values);
        return address;
    }
}
