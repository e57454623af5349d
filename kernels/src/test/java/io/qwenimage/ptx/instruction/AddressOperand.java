package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.execution.Warp;
import io.qwenimage.ptx.memory.Space;

/**
 * An address operand: a slot that holds the base and a constant offset.
 *
 * @param wide whether the slot is one of the 64-bit bank
 * @param slot where the base is kept
 * @param offset added to the base
 * @param space the space of the variable that it names, or null when the base is a register
 */
public record AddressOperand(boolean wide, int slot, long offset, Space space) {
    /** Writes the addresses of all lanes into an array of 32. */
    public void addresses(final Warp warp, final long[] target) {
        if (wide) {
            final long[] base = warp.longs(slot);
            for (int lane = 0; lane < 32; lane++) {
                target[lane] = base[lane] + offset;
            }
        } else {
            final int[] base = warp.ints(slot);
            for (int lane = 0; lane < 32; lane++) {
                target[lane] = (base[lane] + offset) & 0xffffffffL;
            }
        }
    }

    /** The address of one lane. */
    public long address(final Warp warp, final int lane) {
        return wide ? warp.longs(slot)[lane] + offset : (warp.ints(slot)[lane] + offset) & 0xffffffffL;
    }
}
