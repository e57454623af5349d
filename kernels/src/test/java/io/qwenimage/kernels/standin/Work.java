package io.qwenimage.kernels.standin;

import java.util.List;

/** Something that a stream does when its turn comes; work of a graph comes again. Its text names it in findings. */
interface Work {
    /** Runs it; returns false if it does not end. */
    boolean run();

    /** Whether it touches the host memory at this address. */
    default boolean uses(final long hostAddress, final long bytes) {
        return false;
    }

    /** The memory of the device that it touches; none if its order with other streams' work does not matter. */
    default List<Access> accesses() {
        return List.of();
    }
}
