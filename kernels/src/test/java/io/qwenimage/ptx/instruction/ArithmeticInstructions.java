package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.text.PtxType;
import java.util.Set;

/**
 * The opcodes that integers, floats and halves share: {@code add sub mul mad div abs neg min max fma}. The type decides
 * which family decodes them.
 */
final class ArithmeticInstructions {
    private static final Set<PtxType> HALVES = Set.of(PtxType.F16, PtxType.F16X2, PtxType.BF16, PtxType.BF16X2);

    private ArithmeticInstructions() {
    }

    static void register(final InstructionRegistry registry) {
        registry.add("add", source -> CarryInstructions.carries(source) ? CarryInstructions.add(source)
            : pick(source, IntegerInstructions::add, FloatInstructions::add, HalfInstructions::add));
        registry.add("sub", source -> CarryInstructions.carries(source) ? CarryInstructions.subtract(source)
            : pick(source, IntegerInstructions::subtract, FloatInstructions::subtract, HalfInstructions::subtract));
        registry.add("mul", source ->
            pick(source, IntegerInstructions::multiply, FloatInstructions::multiply, HalfInstructions::multiply));
        registry.add("mad", source -> CarryInstructions.carries(source) ? CarryInstructions.multiplyAdd(source)
            : pick(source, IntegerInstructions::multiply, FloatInstructions::multiplyAdd,
                HalfInstructions::multiplyAdd));
        registry.add("fma", source ->
            pick(source, IntegerInstructions::multiply, FloatInstructions::multiplyAdd, HalfInstructions::multiplyAdd));
        registry.add("div", source ->
            pick(source, IntegerInstructions::divide, FloatInstructions::divide, FloatInstructions::divide));
        registry.add("abs", source ->
            pick(source, IntegerInstructions::absolute, FloatInstructions::absolute, HalfInstructions::absolute));
        registry.add("neg", source ->
            pick(source, IntegerInstructions::negate, FloatInstructions::negate, HalfInstructions::negate));
        registry.add("min", source ->
            pick(source, IntegerInstructions::minimum, FloatInstructions::minimum, HalfInstructions::minimum));
        registry.add("max", source ->
            pick(source, IntegerInstructions::maximum, FloatInstructions::maximum, HalfInstructions::maximum));
    }

    private static Operation pick(final InstructionSource source, final InstructionDecoder integers,
                                  final InstructionDecoder floats, final InstructionDecoder halves) {
        for (final String modifier : source.modifiers().left()) {
            final PtxType type = PtxType.named(modifier);
            if (type != null) {
                return (HALVES.contains(type) ? halves : type.isFloat() ? floats : integers).decode(source);
            }
        }
        throw source.unsupported("a type modifier is missing");
    }
}
