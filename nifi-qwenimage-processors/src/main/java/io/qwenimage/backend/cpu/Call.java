package io.qwenimage.backend.cpu;

import org.bytedeco.dnnl.dnnl_exec_arg_t;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.primitive;
import org.bytedeco.dnnl.primitive_desc_base;

/**
 * A oneDNN primitive with slots for its arguments, made once and run with changing addresses by one worker.
 */
final class Call implements AutoCloseable {
    /** Slot of {@link Worker#scratch} that primitives use for their own scratch memory. */
    static final int SCRATCH_SLOT = 0;

    private final primitive primitive;
    private final memory.desc[] layouts;
    private final memory[] memories;
    private final dnnl_exec_arg_t arguments;
    private final long scratchBytes;
    private final String implementation;

    /**
     * Prepares a call.
     *
     * @param ids argument numbers (DNNL_ARG_...), in the order in which {@link #run} gets addresses
     */
    Call(final Worker worker, final primitive_desc_base description, final primitive primitive, final int... ids) {
        this.primitive = primitive;
        implementation = description.impl_info_str().getString();
        layouts = new memory.desc[ids.length];
        memories = new memory[ids.length + 1];
        arguments = new dnnl_exec_arg_t(ids.length + 1L);
        for (int i = 0; i < ids.length; i++) {
            layouts[i] = description.query_md(dnnl.query.exec_arg_md, ids[i]);
            attach(worker, i, ids[i], layouts[i]);
        }
        try (memory.desc scratch = description.scratchpad_desc()) {
            scratchBytes = scratch.get_size();
            attach(worker, ids.length, dnnl.DNNL_ARG_SCRATCHPAD, scratch);
        }
        arguments.position(0);
    }

    /** oneDNN's name of the chosen kernel; "ref" marks a slow one. */
    String implementation() {
        return implementation;
    }

    /** Bytes that an argument takes, which may be more than its elements if its layout has padding. */
    long bytes(final int argument) {
        return layouts[argument].get_size();
    }

    /** Layout of an argument as oneDNN wants it; owned by this call. */
    memory.desc layout(final int argument) {
        return layouts[argument];
    }

    /** Runs with the arguments at the given addresses. */
    void run(final Worker worker, final long... addresses) {
        for (int i = 0; i < addresses.length; i++) {
            memories[i].set_data_handle(new Address(addresses[i]));
        }
        memories[addresses.length].set_data_handle(new Address(worker.scratch(SCRATCH_SLOT, scratchBytes)));
        final int status = dnnl.dnnl_primitive_execute(primitive.get(), worker.stream().get(), memories.length,
                arguments);
        if (status != 0) {
            throw new IllegalStateException("oneDNN's " + implementation + " failed with status " + status);
        }
    }

    @Override
    public void close() {
        arguments.close();
        for (final memory memory : memories) {
            memory.close();
        }
        for (final memory.desc layout : layouts) {
            layout.close();
        }
        primitive.close();
    }

    private void attach(final Worker worker, final int index, final int id, final memory.desc layout) {
        memories[index] = new memory(layout, worker.engine(), new Address(0));
        arguments.position(index).arg(id);
        arguments.memory(memories[index].get());
    }
}
