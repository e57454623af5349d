package io.qwenimage.kernels.standin;

/**
 * Memory of the device that a piece of work touches.
 *
 * @param address of the first byte
 * @param bytes   from there
 * @param writes  whether it is known to write there; a kernel only says where its arguments point
 */
record Access(long address, long bytes, boolean writes) {
    /** Whether the order of the two matters. */
    boolean conflictsWith(final Access other) {
        return (writes || other.writes) && address < other.address + other.bytes
                && other.address < address + bytes;
    }
}
