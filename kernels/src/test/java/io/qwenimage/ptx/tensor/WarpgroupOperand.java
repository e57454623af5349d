package io.qwenimage.ptx.tensor;

import io.qwenimage.ptx.execution.Block;
import io.qwenimage.ptx.execution.Warp;
import io.qwenimage.ptx.inspection.FindingKind;
import io.qwenimage.ptx.memory.AddressMap;
import io.qwenimage.ptx.memory.MemoryRegion;
import io.qwenimage.ptx.text.PtxType;
import java.util.Arrays;

/** A matrix operand of a {@code wgmma} in shared memory: rows along M or N, and 32 bytes of depth. */
final class WarpgroupOperand {
    private static final int PIECE = 16;
    private static final int DEPTH_BYTES = 32;

    private final Block block;
    private final PtxType type;
    private final int rows;
    private final int depth;
    private final int[] offsets;
    /** Offsets of the 16-byte pieces it consists of, sorted. */
    private final int[] pieces;

    private WarpgroupOperand(final Block block, final PtxType type, final int rows, final int depth,
        final int[] offsets) {
        this.block = block;
        this.type = type;
        this.rows = rows;
        this.depth = depth;
        this.offsets = offsets;
        this.pieces = Arrays.stream(offsets).map(offset -> offset & -PIECE).sorted().distinct().toArray();
    }

    /**
     * Finds the operand that a descriptor describes; null, after a finding, when it does not lie in shared memory.
     *
     * @param rows its extent along M or N
     * @param transposed whether M or N is contiguous instead of the depth
     */
    static WarpgroupOperand find(final Warp warp, final long descriptor, final PtxType type, final int rows,
                                 final boolean transposed) {
        final MatrixDescriptor matrix;
        try {
            matrix = MatrixDescriptor.decode(descriptor);
        } catch (final IllegalArgumentException breach) {
            warp.report(FindingKind.INVALID_OPERAND, 0, breach.getMessage());
            return null;
        }
        final int bytes = type.bits() / 8;
        final int depth = DEPTH_BYTES / bytes;
        final int[] offsets = new int[rows * depth];
        int lowest = Integer.MAX_VALUE;
        int highest = 0;
        for (int row = 0; row < rows; row++) {
            for (int k = 0; k < depth; k++) {
                final int address = transposed ? matrix.rowMajor(row, k) : matrix.depthMajor(row, k * bytes);
                offsets[row * depth + k] = address - AddressMap.SHARED_START;
                lowest = Math.min(lowest, offsets[row * depth + k]);
                highest = Math.max(highest, offsets[row * depth + k]);
            }
        }
        final int size = warp.block().shared().size();
        if (lowest < 0 || highest + bytes > size) {
            warp.report(FindingKind.OUT_OF_BOUNDS, 0, "matrix descriptor 0x" + Long.toHexString(descriptor) + " ("
                + matrix
                + ") reaches from byte " + lowest + " to " + (highest + bytes - 1) + " of shared memory, which has "
                    + size
                + " bytes");
            return null;
        }
        return new WarpgroupOperand(warp.block(), type, rows, depth, offsets);
    }

    /** Inspects the read that is going to happen, and takes the matrix away from the threads. */
    void begin(final Warp warp) {
        boolean clean = true;
        for (final int piece : pieces) {
            clean = clean && SharedPlace.inspectRead(warp, 0, block, piece, PIECE);
            block.useAsynchronously().read(piece, PIECE, true, warp.instruction());
        }
    }

    /** The product that read the matrix is over, and the warp knows it. */
    void end(final Warp warp) {
        for (final int piece : pieces) {
            block.useAsynchronously().read(piece, PIECE, false, null);
            SharedPlace.noteRead(warp, 0, block, piece, PIECE);
        }
    }

    /** Elements [depth, rows]: as B has them. */
    float[] byDepth(final boolean negated) {
        final float[] matrix = new float[offsets.length];
        for (int row = 0; row < rows; row++) {
            for (int k = 0; k < depth; k++) {
                matrix[k * rows + row] = value(offsets[row * depth + k], negated);
            }
        }
        return matrix;
    }

    /** Elements [count, depth] of the rows from the first on: as A has them. */
    float[] byRow(final int first, final int count, final boolean negated) {
        final float[] matrix = new float[count * depth];
        for (int i = 0; i < matrix.length; i++) {
            matrix[i] = value(offsets[first * depth + i], negated);
        }
        return matrix;
    }

    private float value(final int offset, final boolean negated) {
        final MemoryRegion shared = block.shared();
        final float value = TensorFloat.value(type, switch (type.bits()) {
            case 8 -> shared.getByte(offset);
            case 16 -> shared.getShort(offset);
            default -> shared.getInt(offset);
        });
        return negated ? -value : value;
    }
}
