package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.instruction.ConversionInstructions.Conversion;
import io.qwenimage.ptx.number.FloatFormat;
import io.qwenimage.ptx.number.Halves;
import io.qwenimage.ptx.number.Rounding;
import io.qwenimage.ptx.text.PtxType;

/** The forms of {@code cvt} that make or read two values in one register, and those to TF32. */
final class PackedConversions {
    private PackedConversions() {
    }

    static boolean isPacked(final PtxType type) {
        return element(type) != null;
    }

    /**
     * {@code cvt.rn.bf16x2.f32 d, a, b}: a becomes the upper half. {@code cvt.rn.f16x2.e4m3x2 d, a} keeps the order.
     */
    static Operation convert(final InstructionSource source, final Conversion conversion) {
        source.passesOn();
        final FloatFormat to = element(conversion.to());
        if (to == null) {
            throw source.unsupported("a conversion from " + conversion.from() + " to " + conversion.to());
        }
        final Rounding rounding = conversion.floatRounding();
        final boolean finite = conversion.finite();
        final boolean relu = conversion.relu();
        final int width = conversion.to().bits() / 2;
        final int target = source.destination(source.operand(0), conversion.to());
        if (conversion.from() == PtxType.F32) {
            source.requireOperands(3, 3);
            final int high = source.intSource(source.operand(1), PtxType.F32);
            final int low = source.intSource(source.operand(2), PtxType.F32);
            if (rounding == Rounding.NEAREST_EVEN && !finite && !relu && width == 16) {
                return to == FloatFormat.BF16
                    ? Lanes.ints(target, high, low, (a, b) -> Halves.toBfloat(Float.intBitsToFloat(a)) << 16
                        | Halves.toBfloat(Float.intBitsToFloat(b)))
                    : Lanes.ints(target, high, low, (a, b) -> Halves.toHalf(Float.intBitsToFloat(a)) << 16
                        | Halves.toHalf(Float.intBitsToFloat(b)));
            }
            return Lanes.ints(target, high, low, (a, b) ->
                encode(to, Float.intBitsToFloat(a), rounding, finite, relu) << width
                    | encode(to, Float.intBitsToFloat(b), rounding, finite, relu));
        }
        final FloatFormat from = element(conversion.from());
        if (from == null) {
            throw source.unsupported("a conversion from " + conversion.from() + " to " + conversion.to());
        }
        source.requireOperands(2, 2);
        final int operand = source.intSource(source.operand(1), conversion.from());
        final int fromWidth = conversion.from().bits() / 2;
        final int keep = (1 << fromWidth) - 1;
        return Lanes.ints(target, operand, x ->
            encode(to, from.decode(x >>> fromWidth & keep), rounding, finite, relu) << width
                | encode(to, from.decode(x & keep), rounding, finite, relu));
    }

    static Operation toTensorFloat(final InstructionSource source, final Conversion conversion) {
        final int target = source.destination(source.operand(0), PtxType.B32);
        final int operand = source.intSource(source.operand(1), PtxType.F32);
        final Rounding rounding = conversion.floatRounding();
        final boolean finite = conversion.finite();
        final boolean relu = conversion.relu();
        return Lanes.ints(target, operand, x -> {
            final float value = Float.intBitsToFloat(x);
            return value != value ? 0x7fffffff : encode(FloatFormat.TF32, value, rounding, finite, relu) << 13;
        });
    }

    /** {@code cvt.pack.sat.s8.s32.b32 d, a, b, c}: saturated a and b below the low bits of c. */
    static Operation packIntegers(final InstructionSource source) {
        source.require("sat");
        final PtxType to = source.type();
        source.require("s32");
        final boolean appends = source.modifiers().take("b32");
        source.requireOperands(appends ? 4 : 3, appends ? 4 : 3);
        final int target = source.destination(source.operand(0), PtxType.B32);
        final int a = source.intSource(source.operand(1), PtxType.S32);
        final int b = source.intSource(source.operand(2), PtxType.S32);
        final int c = appends ? source.intSource(source.operand(3), PtxType.B32)
            : source.context().layout().constant(0);
        final int bits = to.bits();
        final int least = to.isSigned() ? -1 << bits - 1 : 0;
        final int most = to.isSigned() ? (1 << bits - 1) - 1 : (1 << bits) - 1;
        final int keep = (1 << bits) - 1;
        return Lanes.ints(target, a, b, c, (x, y, z) -> (bits == 16 ? 0 : z << 2 * bits)
            | (Math.max(least, Math.min(most, x)) & keep) << bits | Math.max(least, Math.min(most, y)) & keep);
    }

    private static int encode(final FloatFormat format, final double value, final Rounding rounding,
                              final boolean finite, final boolean relu) {
        return format.encode(relu && value <= 0 ? 0 : value, rounding, finite);
    }

    private static FloatFormat element(final PtxType type) {
        return switch (type) {
            case F16X2 -> FloatFormat.F16;
            case BF16X2 -> FloatFormat.BF16;
            case E4M3X2 -> FloatFormat.E4M3;
            case E5M2X2 -> FloatFormat.E5M2;
            default -> null;
        };
    }
}
