package io.qwenimage.ptx.execution;

/** Copies the arguments of a call into the callee's frame, or its results back. */
@FunctionalInterface
public interface FrameCopy {
    /** Copies for the lanes of the mask between the local memory of the two frames. */
    void copy(Warp warp, Frame caller, Frame callee, int mask);
}
