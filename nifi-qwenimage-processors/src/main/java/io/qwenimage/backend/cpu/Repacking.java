package io.qwenimage.backend.cpu;

import io.qwenimage.tensor.DType;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.dnnl.global.dnnl.scratchpad_mode;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.primitive_attr;
import org.bytedeco.dnnl.reorder;

/**
 * The copy of linear weights as stored, [columns, inner], into the blocked layout.
 *
 * @param inner   length of a stored row
 * @param columns number of stored rows
 */
record Repacking(long inner, long columns) {
    /** Argument order: stored weights (BF16), packed weights. */
    Call prepare(final Worker worker) {
        final memory.desc packed = MatrixProduct.packedLayout(worker, inner, columns);
        return of(worker, Layouts.strided(DType.BF16, inner, columns, 1, inner), packed);
    }

    /** A copy from one layout to another of the same extents. */
    static Call of(final Worker worker, final memory.desc from, final memory.desc to) {
        try (primitive_attr attributes = new primitive_attr()) {
            attributes.set_scratchpad_mode(scratchpad_mode.user);
            final reorder.primitive_desc description = new reorder.primitive_desc(worker.engine(), from,
                    worker.engine(), to, attributes, false);
            return new Call(worker, description, new reorder(description), dnnl.DNNL_ARG_FROM, dnnl.DNNL_ARG_TO);
        }
    }
}
