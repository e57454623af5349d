package io.qwenimage.ptx.tensor;

/**
 * Which element of a matrix each register of each thread of a warpgroup holds, for {@code wgmma.mma_async}. Threads
 * count from 0 to 127; warp w has rows 16 w to 16 w + 15. Source: PTX ISA, "Register Fragments and Shared Memory
 * Matrix Layouts" of wgmma, figures of matrix D and of matrix A in registers.
 */
public final class WarpgroupFragment {
    private WarpgroupFragment() {
    }

    /** Row of the i-th accumulator of a thread. */
    public static int accumulatorRow(final int thread, final int i) {
        return row(thread, i / 2 % 2);
    }

    /** Column of the i-th accumulator of a thread. */
    public static int accumulatorColumn(final int thread, final int i) {
        return i / 4 * 8 + thread % 4 * 2 + i % 2;
    }

    /** Row of the elements in register 0 to 3 of a thread's part of A. */
    public static int operandRow(final int thread, final int register) {
        return row(thread, register % 2);
    }

    /**
     * Depth (K) of an element in a register of a thread's part of A.
     *
     * @param bytes size of an element: 1, 2 or 4
     * @param index which of the register's elements, from its low bits
     */
    public static int operandDepth(final int thread, final int register, final int bytes, final int index) {
        final int perRegister = Integer.BYTES / bytes;
        return register / 2 * 4 * perRegister + thread % 4 * perRegister + index;
    }

    private static int row(final int thread, final int half) {
        return thread / 32 * 16 + thread % 32 / 4 + half * 8;
    }
}
