package io.qwenimage.kernels.standin;

/**
 * How a matrix lies in memory, columns first.
 *
 * @param type    of cudaDataType
 * @param ld      distance of columns in elements
 */
record MatrixLayout(int type, long rows, long columns, long ld) {
    static final int F32 = 0;
    static final int F16 = 2;
    static final int BF16 = 14;
    private static final int INVALID_VALUE = 7;

    static MatrixLayout of(final int type, final long rows, final long columns, final long ld) {
        MatrixCalls.require(type == F32 || type == F16 || type == BF16, INVALID_VALUE, "type " + type);
        MatrixCalls.require(rows > 0 && columns > 0 && ld >= rows, INVALID_VALUE,
                rows + " x " + columns + " with columns " + ld + " apart");
        return new MatrixLayout(type, rows, columns, ld);
    }

    /** Size of an element. */
    static int bytes(final int type) {
        return type == F32 ? Float.BYTES : Short.BYTES;
    }
}
