package io.qwenimage.kernels.standin;

import com.sun.jna.Pointer;

/** A cublasLtMatmulPreference. */
final class MatrixPreference {
    private static final int MAX_WORKSPACE_BYTES = 1;
    private static final int FIRST_ALIGNMENT = 5;
    private static final int LAST_ALIGNMENT = 8;
    private static final int LIBRARY_DEFAULT = 256;

    private long workspaceBytes;
    private int alignment = LIBRARY_DEFAULT;

    void set(final int attribute, final Pointer value, final long bytes) {
        if (attribute == MAX_WORKSPACE_BYTES) {
            MatrixCalls.requireBytes(bytes, Long.BYTES, attribute);
            workspaceBytes = value.getLong(0);
        } else if (attribute >= FIRST_ALIGNMENT && attribute <= LAST_ALIGNMENT) {
            MatrixCalls.requireBytes(bytes, Integer.BYTES, attribute);
            alignment = Math.min(alignment, value.getInt(0));
        } else {
            throw MatrixCalls.unknown(attribute);
        }
    }

    long workspaceBytes() {
        return workspaceBytes;
    }

    /** What every address is promised to be a multiple of, in bytes. */
    int alignment() {
        return alignment;
    }
}
