package io.qwenimage.backend.cuda;

import io.qwenimage.tensor.DType;
import org.bytedeco.cuda.cublas.cublasLtContext;
import org.bytedeco.cuda.cublas.cublasLtMatmulAlgo_t;
import org.bytedeco.cuda.cublas.cublasLtMatmulDescOpaque_t;
import org.bytedeco.cuda.cublas.cublasLtMatmulHeuristicResult_t;
import org.bytedeco.cuda.cublas.cublasLtMatmulPreferenceOpaque_t;
import org.bytedeco.cuda.cublas.cublasLtMatrixLayoutOpaque_t;
import org.bytedeco.cuda.global.cublas;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.PointerPointer;

/** The descriptors of one shape of product and the algorithm that cuBLASLt's heuristic likes best. */
final class MatrixPlan implements AutoCloseable {
    private static final int ALIGNED_BYTES = 16;

    private final cublasLtMatmulDescOpaque_t operation;
    private final cublasLtMatrixLayoutOpaque_t weightLayout;
    private final cublasLtMatrixLayoutOpaque_t xLayout;
    private final cublasLtMatrixLayoutOpaque_t resultLayout;
    private final cublasLtMatmulHeuristicResult_t choice = new cublasLtMatmulHeuristicResult_t();
    private final boolean supported;
    private final boolean hasBias;

    /**
     * Describes a shape and asks the library for an algorithm.
     *
     * @param workspace stands for the bias, whose address the heuristic wants to see
     */
    MatrixPlan(final cublasLtContext handle, final MatrixProducts.Shape shape, final long workspace,
            final long workspaceBytes) {
        operation = operation(shape);
        weightLayout = layout(shape.type(), shape.in(), shape.out());
        xLayout = layout(shape.type(), shape.in(), shape.rows());
        resultLayout = layout(shape.type(), shape.out(), shape.rows());
        hasBias = shape.epilogue().hasBias();
        bias(workspace);
        supported = choose(handle, shape, workspaceBytes);
    }

    private static cublasLtMatmulDescOpaque_t operation(final MatrixProducts.Shape shape) {
        try (PointerPointer<cublasLtMatmulDescOpaque_t> place = new PointerPointer<>(1)) {
            MatrixProducts.check(cublas.cublasLtMatmulDescCreate(place, cublas.CUBLAS_COMPUTE_32F, cudart.CUDA_R_32F),
                    "cublasLtMatmulDescCreate");
            final cublasLtMatmulDescOpaque_t made = place.get(cublasLtMatmulDescOpaque_t.class, 0);
            set(made, cublas.CUBLASLT_MATMUL_DESC_TRANSA, cublas.CUBLAS_OP_T);
            set(made, cublas.CUBLASLT_MATMUL_DESC_TRANSB, cublas.CUBLAS_OP_N);
            set(made, cublas.CUBLASLT_MATMUL_DESC_EPILOGUE, shape.epilogue().code());
            if (shape.epilogue().hasBias()) {
                set(made, cublas.CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, typeOf(shape.type()));
            }
            return made;
        }
    }

    private static cublasLtMatrixLayoutOpaque_t layout(final DType type, final long rows, final long columns) {
        try (PointerPointer<cublasLtMatrixLayoutOpaque_t> place = new PointerPointer<>(1)) {
            MatrixProducts.check(cublas.cublasLtMatrixLayoutCreate(place, typeOf(type), rows, columns, rows),
                    "cublasLtMatrixLayoutCreate of " + rows + " x " + columns);
            return place.get(cublasLtMatrixLayoutOpaque_t.class, 0);
        }
    }

    private boolean choose(final cublasLtContext handle, final MatrixProducts.Shape shape, final long workspaceBytes) {
        try (PointerPointer<cublasLtMatmulPreferenceOpaque_t> place = new PointerPointer<>(1);
                LongPointer limit = new LongPointer(1).put(workspaceBytes); IntPointer found = new IntPointer(1).put(0)) {
            MatrixProducts.check(cublas.cublasLtMatmulPreferenceCreate(place), "cublasLtMatmulPreferenceCreate");
            final cublasLtMatmulPreferenceOpaque_t preference =
                    place.get(cublasLtMatmulPreferenceOpaque_t.class, 0);
            try {
                MatrixProducts.check(cublas.cublasLtMatmulPreferenceSetAttribute(preference,
                        cublas.CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, limit, Long.BYTES),
                        "cublasLtMatmulPreferenceSetAttribute");
                alignment(preference, shape.aligned() ? ALIGNED_BYTES : shape.type().bytes());
                final int status = cublas.cublasLtMatmulAlgoGetHeuristic(handle, operation, weightLayout, xLayout,
                        resultLayout, resultLayout, preference, 1, choice, found);
                if (status == cublas.CUBLAS_STATUS_NOT_SUPPORTED) {
                    return false;
                }
                MatrixProducts.check(status, "cublasLtMatmulAlgoGetHeuristic for " + shape);
                return found.get() > 0;
            } finally {
                cublas.cublasLtMatmulPreferenceDestroy(preference);
            }
        }
    }

    private static void alignment(final cublasLtMatmulPreferenceOpaque_t preference, final int bytes) {
        final int[] attributes = {cublas.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES,
                cublas.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, cublas.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES,
                cublas.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES};
        try (IntPointer value = new IntPointer(1).put(bytes)) {
            for (final int attribute : attributes) {
                MatrixProducts.check(cublas.cublasLtMatmulPreferenceSetAttribute(preference, attribute, value,
                        Integer.BYTES), "cublasLtMatmulPreferenceSetAttribute");
            }
        }
    }

    private static void set(final cublasLtMatmulDescOpaque_t operation, final int attribute, final int number) {
        try (IntPointer value = new IntPointer(1).put(number)) {
            MatrixProducts.check(cublas.cublasLtMatmulDescSetAttribute(operation, attribute, value, Integer.BYTES),
                    "cublasLtMatmulDescSetAttribute " + attribute);
        }
    }

    private static int typeOf(final DType type) {
        return switch (type) {
            case F32 -> cudart.CUDA_R_32F;
            case BF16 -> cudart.CUDA_R_16BF;
            case F16 -> cudart.CUDA_R_16F;
            case F8_E4M3, I64, I32, U8 -> throw new IllegalArgumentException("no matrix product of " + type);
        };
    }

    /** Whether there is an algorithm. */
    boolean isSupported() {
        return supported;
    }

    /** Where the next product finds its bias. */
    void bias(final long address) {
        if (hasBias) {
            try (LongPointer value = new LongPointer(1).put(address)) {
                MatrixProducts.check(cublas.cublasLtMatmulDescSetAttribute(operation,
                        cublas.CUBLASLT_MATMUL_DESC_BIAS_POINTER, value, Long.BYTES),
                        "cublasLtMatmulDescSetAttribute of the bias");
            }
        }
    }

    cublasLtMatmulDescOpaque_t operation() {
        return operation;
    }

    cublasLtMatrixLayoutOpaque_t weightLayout() {
        return weightLayout;
    }

    cublasLtMatrixLayoutOpaque_t xLayout() {
        return xLayout;
    }

    cublasLtMatrixLayoutOpaque_t resultLayout() {
        return resultLayout;
    }

    cublasLtMatmulAlgo_t algorithm() {
        return choice.algo();
    }

    long workspaceBytes() {
        return choice.workspaceSize();
    }

    @Override
    public void close() {
        cublas.cublasLtMatmulDescDestroy(operation);
        cublas.cublasLtMatrixLayoutDestroy(weightLayout);
        cublas.cublasLtMatrixLayoutDestroy(xLayout);
        cublas.cublasLtMatrixLayoutDestroy(resultLayout);
        choice.close();
    }
}
