package io.qwenimage.ptx.execution;

/** Something that a warp started and that happens by itself, at any time from then on. */
@FunctionalInterface
public interface AsynchronousOperation {
    /** Makes it happen. */
    void land();
}
