package io.qwenimage.ptx.text;

import java.util.List;

/**
 * An instruction as it is written.
 *
 * @param guard the predicate after {@code @}, or null
 * @param guardNegated whether it is {@code @!}
 * @param opcode opcode and modifiers: {@code ld.global.v4.f32}
 * @param operands its operands
 * @param scope the names it sees
 * @param line its line in the text, from 1
 */
public record PtxStatement(String guard, boolean guardNegated, String opcode, List<PtxOperand> operands, Scope scope,
                           int line) {
}
