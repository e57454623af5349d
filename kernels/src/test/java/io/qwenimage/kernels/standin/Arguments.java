package io.qwenimage.kernels.standin;

import com.sun.jna.Pointer;

/** The arguments of a call of the driver API, as the library hands them on. */
record Arguments(Pointer words) {
    long word(final int index) {
        return words.getLong(8L * index);
    }

    /** The upper half of a 32-bit argument is undefined. */
    int number(final int index) {
        return (int) word(index);
    }

    /** What an argument points to, or null. */
    Pointer pointer(final int index) {
        final long address = word(index);
        return address == 0 ? null : new Pointer(address);
    }
}
