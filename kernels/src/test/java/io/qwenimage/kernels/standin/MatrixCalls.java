package io.qwenimage.kernels.standin;

import com.sun.jna.Pointer;
import java.util.HashMap;
import java.util.Map;

/**
 * The calls of cuBLASLt that we use: D = epilogue(A' B + bias) + beta C, columns first, A transposed. They check every
 * descriptor that they are given, refuse what the library refuses, and put the product on its stream.
 */
final class MatrixCalls {
    /** The version as which it poses. */
    private static final int VERSION = 130100;
    private static final int NOT_INITIALIZED = 1;
    private static final int INVALID_VALUE = 7;
    private static final int NOT_SUPPORTED = 15;

    private static final int COMPUTE_32F = 68;
    private static final int TRANSPOSED = 1;
    private static final int PLAIN = 0;

    private static final int ALGORITHM_BYTES = 64;
    /** cublasLtMatmulHeuristicResult_t: algorithm, workspace, state, waves, four reserved. */
    private static final int CHOICE_BYTES = ALGORITHM_BYTES + 32;
    private static final long MARK = 0x71776961_6c676f31L;
    private static final long WANTED_WORKSPACE = 1 << 20;

    private final StandIn standIn;
    private final LibraryObjects objects;

    private static final class Library {
    }

    MatrixCalls(final StandIn standIn) {
        this.standIn = standIn;
        objects = new LibraryObjects(standIn, NOT_INITIALIZED);
    }

    Map<String, Call> calls() {
        final Map<String, Call> calls = new HashMap<>();
        calls.put("cublasLtGetVersion", arguments -> VERSION);
        calls.put("cublasLtCreate", Call.of(arguments -> {
            standIn.session().current();
            objects.open(arguments, new Library());
        }));
        calls.put("cublasLtDestroy", Call.of(arguments -> objects.close(arguments, Library.class)));
        calls.put("cublasLtMatmulDescCreate", Call.of(arguments -> {
            require(arguments.number(1) == COMPUTE_32F, NOT_SUPPORTED, "compute type " + arguments.number(1));
            require(arguments.number(2) == MatrixLayout.F32, NOT_SUPPORTED, "scale type " + arguments.number(2));
            objects.open(arguments, new MatrixOperation());
        }));
        calls.put("cublasLtMatmulDescDestroy", Call.of(arguments -> objects.close(arguments, MatrixOperation.class)));
        calls.put("cublasLtMatmulDescSetAttribute", Call.of(arguments ->
                objects.get(arguments, 0, MatrixOperation.class)
                        .set(arguments.number(1), arguments.pointer(2), arguments.word(3))));
        calls.put("cublasLtMatrixLayoutCreate", Call.of(arguments -> objects.open(arguments, MatrixLayout.of(
                arguments.number(1), arguments.word(2), arguments.word(3), arguments.word(4)))));
        calls.put("cublasLtMatrixLayoutDestroy", Call.of(arguments -> objects.close(arguments, MatrixLayout.class)));
        calls.put("cublasLtMatmulPreferenceCreate", Call.of(arguments ->
                objects.open(arguments, new MatrixPreference())));
        calls.put("cublasLtMatmulPreferenceDestroy", Call.of(arguments ->
                objects.close(arguments, MatrixPreference.class)));
        calls.put("cublasLtMatmulPreferenceSetAttribute", Call.of(arguments ->
                objects.get(arguments, 0, MatrixPreference.class)
                        .set(arguments.number(1), arguments.pointer(2), arguments.word(3))));
        calls.put("cublasLtMatmulAlgoGetHeuristic", Call.of(this::choose));
        calls.put("cublasLtMatmul", Call.of(this::multiply));
        return calls;
    }

    private void choose(final Arguments arguments) {
        objects.get(arguments, 0, Library.class);
        final MatrixOperation operation = objects.get(arguments, 1, MatrixOperation.class);
        final MatrixProduct.Extents extents = extents(operation, objects.get(arguments, 2, MatrixLayout.class),
                objects.get(arguments, 3, MatrixLayout.class), objects.get(arguments, 4, MatrixLayout.class),
                objects.get(arguments, 5, MatrixLayout.class));
        final MatrixPreference preference = objects.get(arguments, 6, MatrixPreference.class);
        require(arguments.number(7) >= 1, INVALID_VALUE, "no room for a choice");
        final Pointer choice = arguments.pointer(8);
        choice.clear(CHOICE_BYTES);
        // An algorithm belongs to its shape and to the alignment that was promised.
        choice.setLong(0, MARK);
        choice.setLong(8, extents.hashCode());
        choice.setLong(16, preference.alignment());
        final long workspace = Math.min(preference.workspaceBytes(), WANTED_WORKSPACE);
        choice.setLong(24, workspace);
        choice.setLong(ALGORITHM_BYTES, workspace);
        arguments.pointer(9).setInt(0, 1);
    }

    private void multiply(final Arguments arguments) {
        objects.get(arguments, 0, Library.class);
        final MatrixOperation operation = objects.get(arguments, 1, MatrixOperation.class);
        final MatrixProduct.Extents extents = extents(operation, objects.get(arguments, 4, MatrixLayout.class),
                objects.get(arguments, 6, MatrixLayout.class), objects.get(arguments, 9, MatrixLayout.class),
                objects.get(arguments, 11, MatrixLayout.class));
        final Pointer algorithm = arguments.pointer(12);
        require(algorithm != null && algorithm.getLong(0) == MARK && algorithm.getLong(8) == extents.hashCode(),
                INVALID_VALUE, "the algorithm was not chosen for " + extents);
        final long alignment = algorithm.getLong(16);
        final PosedStream stream = standIn.session().stream(arguments.word(15));
        final MatrixProduct product = new MatrixProduct(standIn.session(), stream.context(), extents,
                operation.epilogue(), arguments.word(3), arguments.word(5), operation.bias(), arguments.word(8),
                arguments.word(10), arguments.pointer(2).getFloat(0), arguments.pointer(7).getFloat(0));
        product.addresses().forEach(address -> require(address % alignment == 0, INVALID_VALUE,
                "0x" + Long.toHexString(address) + " is no multiple of the " + alignment
                + " bytes that were promised"));
        final long workspace = arguments.word(14);
        require(workspace >= algorithm.getLong(24), INVALID_VALUE,
                "a workspace of " + workspace + " bytes, but the algorithm needs " + algorithm.getLong(24));
        require(workspace == 0 || stream.context().holds(arguments.word(13), workspace), INVALID_VALUE,
                "the workspace " + standIn.session().ownerOf(arguments.word(13)));
        product.requireRanges();
        if (!stream.isCapturing()) {
            standIn.session().books().launched();
        }
        stream.put(product);
    }

    private static MatrixProduct.Extents extents(final MatrixOperation operation, final MatrixLayout a,
                                                 final MatrixLayout b, final MatrixLayout c, final MatrixLayout d) {
        require(operation.transposeA() == TRANSPOSED && operation.transposeB() == PLAIN, NOT_SUPPORTED,
                "only A transposed times B is used");
        require(a.rows() == b.rows() && a.columns() == d.rows() && b.columns() == d.columns() && c.equals(d),
                INVALID_VALUE, a + " transposed times " + b + " plus " + c + " is no " + d);
        require(a.type() == b.type() && a.type() == d.type(), NOT_SUPPORTED,
                "types " + a.type() + ", " + b.type() + ", " + d.type());
        require(!operation.hasBias() || operation.biasType() == d.type(), NOT_SUPPORTED,
                "a bias of type " + operation.biasType() + " for a result of type " + d.type());
        return new MatrixProduct.Extents(d.rows(), d.columns(), a.rows(), a.ld(), b.ld(), d.ld(), d.type());
    }

    static void require(final boolean condition, final int status, final String fault) {
        if (!condition) {
            throw new Refusal(status, fault);
        }
    }

    /** Refuses an attribute whose size is not the one that it has. */
    static void requireBytes(final long bytes, final int expected, final int attribute) {
        require(bytes == expected, INVALID_VALUE, "attribute " + attribute + " has " + expected + " bytes, not "
            + bytes);
    }

    /** Refuses an attribute that the stand-in does not know. */
    static Refusal unknown(final int attribute) {
        return new Refusal(INVALID_VALUE, "attribute " + attribute + " is unknown to the stand-in");
    }
}
