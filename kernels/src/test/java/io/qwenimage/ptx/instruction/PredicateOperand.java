package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.execution.Warp;

/**
 * A predicate that is read, perhaps negated.
 *
 * @param slot its slot in the predicate bank
 * @param negated whether its negation is meant
 */
public record PredicateOperand(int slot, boolean negated) {
    /** Bit per lane: where the operand is true. */
    public int lanes(final Warp warp) {
        return negated ? ~warp.predicate(slot) : warp.predicate(slot);
    }
}
