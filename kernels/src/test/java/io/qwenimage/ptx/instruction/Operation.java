package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.execution.Warp;

/** What a decoded instruction does to a warp. Its operands' slots were resolved when it was decoded. */
@FunctionalInterface
public interface Operation {
    /**
     * Executes for the lanes of the mask.
     *
     * @param mask bit per lane: active in the current path and let through by the guard; never 0
     */
    void execute(Warp warp, int mask);
}
