package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.counting.InstructionClass;
import io.qwenimage.ptx.execution.MemoryAccess;
import io.qwenimage.ptx.execution.Warp;
import io.qwenimage.ptx.memory.MemoryRegion;
import io.qwenimage.ptx.memory.Space;
import io.qwenimage.ptx.text.PtxOperand;
import io.qwenimage.ptx.text.PtxType;
import java.util.List;

/**
 * Matrices spread over a warp: {@code ldmatrix stmatrix movmatrix} of 8x8 tiles of 16 bits; {@code mma} is {@link
 * MatrixMultiply}.
 */
final class MatrixInstructions {
    private static final int ROW_BYTES = 16;

    private MatrixInstructions() {
    }

    static void register(final InstructionRegistry registry) {
        registry.add("mma.sync", MatrixMultiply::decode);
        registry.add("ldmatrix.sync", source -> matrices(source, true));
        registry.add("stmatrix.sync", source -> matrices(source, false));
        registry.add("movmatrix.sync", MatrixInstructions::transpose);
    }

    /**
     * Lane 8 i + r gives the address of row r of tile i; lane l has of every tile the elements 2 (l mod 4) and the next
     * of row l / 4 or, transposed, of column l / 4.
     */
    private static Operation matrices(final InstructionSource source, final boolean load) {
        source.classify(load ? InstructionClass.LOAD_SHARED : InstructionClass.STORE_SHARED);
        source.aligned();
        source.require("aligned");
        source.require("m8n8");
        final String number = source.modifiers().takeAny("x1", "x2", "x4");
        final boolean transposed = source.modifiers().take("trans");
        final boolean shared = source.modifiers().takeAny("shared", "shared::cta") != null;
        source.require("b16");
        source.requireOperands(2, 2);
        source.accessesShared(ROW_BYTES);
        if (number == null) {
            throw source.unsupported("the number of tiles is missing");
        }
        final int tiles = number.charAt(1) - '0';
        final List<PtxOperand> registers = InstructionSource.elements(source.operand(load ? 0 : 1));
        if (registers.size() != tiles) {
            throw source.unsupported(registers.size() + " registers for " + tiles + " tiles");
        }
        final int[] slots = registers.stream().mapToInt(register -> load ? source.destination(register, PtxType.B32)
            : source.intSource(register, PtxType.B32)).toArray();
        final AddressOperand address = source.address(source.operand(load ? 1 : 0));
        final Space space = shared ? Space.SHARED : Space.GENERIC;
        return (warp, mask) -> {
            final MemoryAccess memory = warp.memory();
            final long[] addresses = memory.addresses();
            address.addresses(warp, addresses);
            final int rows = (int) ((1L << 8 * tiles) - 1);
            memory.countRequest(space, addresses, rows, ROW_BYTES);
            for (int tile = 0; tile < tiles; tile++) {
                for (int row = 0; row < 8; row++) {
                    final int lane = 8 * tile + row;
                    if (load) {
                        loadRow(warp, memory.read(space, addresses[lane], ROW_BYTES, lane, false),
                            warp.ints(slots[tile]), row, transposed);
                    } else if (memory.write(space, addresses[lane], ROW_BYTES, lane, false)) {
                        storeRow(memory.region(), memory.index(), warp.ints(slots[tile]), row, transposed);
                    }
                }
            }
            warp.synchroniseLanes(mask);
        };
    }

    private static void loadRow(final Warp warp, final boolean found, final int[] register, final int row,
                                final boolean transposed) {
        final MemoryRegion region = warp.memory().region();
        final int index = warp.memory().index();
        if (!transposed) {
            for (int pair = 0; pair < 4; pair++) {
                register[4 * row + pair] = found ? region.getInt(index + 4 * pair) : -1;
            }
            return;
        }
        for (int column = 0; column < 8; column++) {
            final int element = found ? region.getShort(index + 2 * column) & 0xffff : 0xffff;
            final int lane = 4 * column + row / 2;
            register[lane] = (row & 1) == 0 ? register[lane] & 0xffff0000 | element
                : register[lane] & 0xffff | element << 16;
        }
    }

    private static void storeRow(final MemoryRegion region, final int index, final int[] register, final int row,
                                 final boolean transposed) {
        if (!transposed) {
            for (int pair = 0; pair < 4; pair++) {
                region.putInt(index + 4 * pair, register[4 * row + pair]);
            }
            return;
        }
        for (int column = 0; column < 8; column++) {
            region.putShort(index + 2 * column, (short) (register[4 * column + row / 2] >>> 16 * (row & 1)));
        }
    }

    private static Operation transpose(final InstructionSource source) {
        source.classify(InstructionClass.SHUFFLE);
        source.aligned();
        source.require("aligned");
        source.require("m8n8");
        source.require("trans");
        source.require("b16");
        final int target = source.destination(source.operand(0), PtxType.B32);
        final int from = source.intSource(source.operand(1), PtxType.B32);
        return (warp, mask) -> {
            final int[] rows = warp.ints(from).clone();
            final int[] columns = warp.ints(target);
            for (int lane = 0; lane < 32; lane++) {
                final int first = 8 * (lane % 4) + lane / 8;
                final int shift = 16 * (lane / 4 & 1);
                columns[lane] = rows[first] >>> shift & 0xffff | rows[first + 4] >>> shift << 16;
            }
            warp.synchroniseLanes(mask);
        };
    }
}
