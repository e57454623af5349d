package io.qwenimage.kernels.standin;

import com.sun.jna.Pointer;

/** A cublasLtMatmulDesc. */
final class MatrixOperation {
    private static final int TRANSA = 3;
    private static final int TRANSB = 4;
    private static final int EPILOGUE = 7;
    private static final int BIAS_POINTER = 8;
    private static final int BIAS_DATA_TYPE = 26;
    private static final int BIAS_BIT = 4;

    private int transposeA;
    private int transposeB;
    private int epilogue = 1;
    private long bias;
    private int biasType = -1;

    void set(final int attribute, final Pointer value, final long bytes) {
        MatrixCalls.requireBytes(bytes, attribute == BIAS_POINTER ? Long.BYTES : Integer.BYTES, attribute);
        switch (attribute) {
            case TRANSA -> transposeA = value.getInt(0);
            case TRANSB -> transposeB = value.getInt(0);
            case EPILOGUE -> epilogue = value.getInt(0);
            case BIAS_POINTER -> bias = value.getLong(0);
            case BIAS_DATA_TYPE -> biasType = value.getInt(0);
            default -> throw MatrixCalls.unknown(attribute);
        }
    }

    int transposeA() {
        return transposeA;
    }

    int transposeB() {
        return transposeB;
    }

    int epilogue() {
        return epilogue;
    }

    boolean hasBias() {
        return (epilogue & BIAS_BIT) != 0;
    }

    /** Address of the bias, 0 for none. */
    long bias() {
        return hasBias() ? bias : 0;
    }

    int biasType() {
        return biasType;
    }
}
