package io.qwenimage.kernels.standin;

import com.sun.jna.Pointer;
import io.qwenimage.ptx.tensor.TensorMap;
import java.util.Map;
import jcuda.driver.CUresult;

/** Tensor maps: encoded by the PTX machine, whose copies decode them. */
final class TensorMapCalls {
    private static final int MAXIMUM_RANK = 5;

    private final StandIn standIn;

    TensorMapCalls(final StandIn standIn) {
        this.standIn = standIn;
    }

    Map<String, Call> calls() {
        return Map.of("cuTensorMapEncodeTiled", Call.of(this::encodeTiled));
    }

    private void encodeTiled(final Arguments arguments) {
        final int rank = arguments.number(2);
        if (rank < 1 || rank > MAXIMUM_RANK) {
            throw new Refusal(CUresult.CUDA_ERROR_INVALID_VALUE, "a tensor map of rank " + rank);
        }
        final Pointer target = arguments.pointer(0);
        if (Pointer.nativeValue(target) % TensorMap.ALIGNMENT != 0) {
            throw new Refusal(CUresult.CUDA_ERROR_INVALID_VALUE, "a tensor map at no multiple of "
                    + TensorMap.ALIGNMENT);
        }
        final long address = arguments.word(3);
        requirePossible(standIn.session().currentOrNull(), address);
        try {
            target.write(0, TensorMap.encodeTiled(arguments.number(1), address,
                    arguments.pointer(4).getLongArray(0, rank),
                    rank == 1 ? new long[0] : arguments.pointer(5).getLongArray(0, rank - 1),
                    arguments.pointer(6).getIntArray(0, rank), arguments.pointer(7).getIntArray(0, rank),
                    arguments.number(8), arguments.number(9), arguments.number(10), arguments.number(11)), 0,
                    TensorMap.BYTES);
        } catch (final IllegalArgumentException e) {
            throw new Refusal(CUresult.CUDA_ERROR_INVALID_VALUE, e.getMessage());
        }
    }

    /** The driver encodes without a context, too; where there is one, more can be said. */
    private void requirePossible(final PosedContext context, final long address) {
        if (context == null) {
            return;
        }
        if (!context.device().capability().isAtLeast(9, 0)) {
            throw new Refusal(CUresult.CUDA_ERROR_NOT_SUPPORTED, "a tensor map on compute capability "
                    + context.device().capability());
        }
        if (!context.holds(address, 1)) {
            throw new Refusal(CUresult.CUDA_ERROR_INVALID_VALUE, "a tensor map of 0x" + Long.toHexString(address)
                    + ", which "
                    + standIn.session().ownerOf(address));
        }
    }
}
