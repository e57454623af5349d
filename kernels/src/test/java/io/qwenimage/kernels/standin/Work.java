package io.qwenimage.kernels.standin;

/** Something that a stream does when its turn comes; work of a graph comes again. */
interface Work {
    /** Runs it; returns false if it does not end. */
    boolean run();

    /** Whether it touches the host memory at this address. */
    default boolean uses(final long hostAddress, final long bytes) {
        return false;
    }
}
