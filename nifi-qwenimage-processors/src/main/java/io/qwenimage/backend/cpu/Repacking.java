package io.qwenimage.backend.cpu;

import io.qwenimage.backend.cpu.MatrixProduct.Matrix;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.dnnl.global.dnnl.scratchpad_mode;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.primitive_attr;
import org.bytedeco.dnnl.reorder;

/**
 * The copy of weights [inner, columns] into the blocked layout of a matrix product.
 *
 * @param from how they lie in memory
 */
record Repacking(long inner, long columns, Matrix from) {
    /** Argument order: stored weights, packed weights. */
    Call prepare(final Worker worker) {
        return of(worker, from.layout(worker, inner, columns),
                MatrixProduct.packedLayout(worker, from.dtype(), inner, columns));
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
