package io.qwenimage.ptx.instruction;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.ptx.Snippet;
import java.math.BigDecimal;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * FP32, FP16 and BF16 arithmetic, special functions and conversions against exact values and the formats' definitions.
 */
class FloatInstructionsTest {
    @ParameterizedTest
    @CsvSource({"rz", "rm", "rp", "rn"})
    void testFusedMultiplyAddRoundsTheExactValueOnce(final String rounding) {
        final SplittableRandom random = new SplittableRandom(7);
        final long[] a = floats(random);
        final long[] b = floats(random);
        final long[] c = floats(random);
        final Snippet snippet = Snippet.of("fma." + rounding + ".f32 %d, %a, %b, %c;").threads(256).inputs(a, b, c)
            .runClean();
        for (int i = 0; i < 256; i++) {
            final BigDecimal exact = exact(a[i]).multiply(exact(b[i])).add(exact(c[i]));
            final float result = Float.intBitsToFloat(snippet.d(i));
            final int order = new BigDecimal(result).compareTo(exact);
            switch (rounding) {
                case "rm" -> assertTrue(order <= 0 && above(result).compareTo(exact) > 0);
                case "rp" -> assertTrue(order >= 0 && below(result).compareTo(exact) < 0);
                case "rz" -> assertTrue(order * exact.signum() <= 0
                    && (exact.signum() >= 0 ? above(result).compareTo(exact) > 0 : below(result).compareTo(exact) < 0));
                default -> assertEquals(Math.fma(value(a[i]), value(b[i]), value(c[i])), result);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "'add.ftz.f32 %d, %a, %b;', 1e-39, 2e-39, 0",
        "'add.f32 %d, %a, %b;', 1e-39, 0, 1e-39",
        "'add.sat.f32 %d, %a, %b;', 0.75, 0.5, 1",
        "'add.sat.f32 %d, %a, %b;', NaN, 0.5, 0",
        "'min.f32 %d, %a, %b;', NaN, 2, 2",
        "'max.NaN.f32 %d, %a, %b;', NaN, 2, NaN",
        "'max.f32 %d, %a, %b;', -0.0, 0.0, 0.0",
        "'min.f32 %d, %a, %b;', 0.0, -0.0, -0.0",
        "'max.xorsign.abs.f32 %d, %a, %b;', -3, 2, -3",
        "'copysign.f32 %d, %a, %b;', -1, 5, -5",
        "'ex2.approx.ftz.f32 %d, %a;', 3.5, 0, 11.313708",
        "'lg2.approx.f32 %d, %a;', 8, 0, 3",
        "'rsqrt.approx.f32 %d, %a;', 16, 0, 0.25",
        "'rcp.approx.ftz.f32 %d, %a;', -0.0, 0, -Infinity",
        "'sqrt.rn.f32 %d, %a;', 2, 0, 1.4142135",
        "'tanh.approx.f32 %d, %a;', 0.5, 0, 0.46211717",
        "'sin.approx.f32 %d, %a;', 1, 0, 0.84147096",
        "'div.full.f32 %d, %a, %b;', 1, 3, 0.33333334",
        "'div.rz.f32 %d, %a, %b;', 2, 3, 0.6666666",
        "'cvt.rni.f32.f32 %d, %a;', 2.5, 0, 2",
        "'cvt.rpi.f32.f32 %d, %a;', -0.5, 0, -0.0",
        "'cvt.sat.f32.f32 %d, %a;', 1.5, 0, 1",
        "'cvt.rna.tf32.f32 %d, %a;', 1.00048828125, 0, 1.0009765625",
        "'neg.f32 %d, %a;', 1, 0, -1",
        "'selp.f32 %d, %a, %b, %p0;', 3, 4, 4"})
    void testOneValue(final String instruction, final float a, final float b, final float expected) {
        final Snippet snippet = Snippet.of("setp.gt.f32 %p0, %a, %b;" + instruction).inputs(bits(a), bits(b), bits(0))
            .runClean();
        assertEquals(expected, Float.intBitsToFloat(snippet.d(0)), instruction);
    }

    @ParameterizedTest
    @CsvSource({
        "'cvt.rzi.s32.f32 %d, %a;', -2.7, -2",
        "'cvt.rni.s32.f32 %d, %a;', 3.5, 4",
        "'cvt.rmi.s32.f32 %d, %a;', -2.1, -3",
        "'cvt.rzi.s32.f32 %d, %a;', 1e20, 2147483647",
        "'cvt.rzi.u32.f32 %d, %a;', -5, 0",
        "'cvt.rzi.s32.f32 %d, %a;', NaN, 0",
        "'cvt.rzi.u32.f32 %d, %a;', 3000000000, -1294967296",
        "'cvt.rzi.s8.f32 %d, %a;', 300, 127",
        "'setp.nan.f32 %p0, %a, %a; selp.b32 %d, 1, 0, %p0;', NaN, 1",
        "'setp.ltu.f32 %p0, %a, 0f00000000; selp.b32 %d, 1, 0, %p0;', NaN, 1",
        "'setp.ge.f32 %p0, %a, 0f00000000; selp.b32 %d, 1, 0, %p0;', NaN, 0",
        "'set.gt.u32.f32 %d, %a, 0f3F800000;', 2, -1",
        "'testp.subnormal.f32 %p0, %a; selp.b32 %d, 1, 0, %p0;', 1e-40, 1"})
    void testToInteger(final String instruction, final float a, final int expected) {
        assertEquals(expected, Snippet.of(instruction).inputs(bits(a), bits(0), bits(0)).runClean().d(0), instruction);
    }

    @Test
    void testIntegersToFloats() {
        final long[] values = {0xffffffffffffffffL, Long.MAX_VALUE, 0x8000008000000001L, 16777217, -16777217};
        final Snippet unsigned = Snippet.of("cvt.rn.f32.u64 %d, %la; cvt.rz.f64.u64 %ld, %la;")
            .inputs(values, values, values)
            .runClean();
        final Snippet signed = Snippet.of("cvt.rz.f32.s32 %d, %a; cvt.rn.f64.s64 %ld, %la;")
            .inputs(values, values, values)
            .runClean();
        for (int i = 0; i < values.length; i++) {
            final BigDecimal exact = new BigDecimal(Long.toUnsignedString(values[i]));
            assertEquals(exact.floatValue(), Float.intBitsToFloat(unsigned.d(i)));
            final double truncated = Double.longBitsToDouble(unsigned.ld(i));
            assertTrue(new BigDecimal(truncated).compareTo(exact) <= 0
                && new BigDecimal(Math.nextUp(truncated)).compareTo(exact) > 0);
            assertEquals((double) values[i], Double.longBitsToDouble(signed.ld(i)));
            final float towardZero = Float.intBitsToFloat(signed.d(i));
            assertTrue(Math.abs((double) towardZero) <= Math.abs((double) (int) values[i]));
        }
    }

    @Test
    void testHalvesAreRoundedOnce() {
        final SplittableRandom random = new SplittableRandom(11);
        final long[] a = random.longs(256).toArray();
        final long[] b = random.longs(256).toArray();
        final long[] c = random.longs(256).toArray();
        final Snippet half = Snippet.of("fma.rn.f16x2 %d, %a, %b, %c;").threads(256).inputs(a, b, c).runClean();
        final Snippet brain = Snippet.of("fma.rn.bf16x2 %d, %a, %b, %c;").threads(256).inputs(a, b, c).runClean();
        for (int i = 0; i < 256; i++) {
            for (int shift = 0; shift < 32; shift += 16) {
                final float x = Float.float16ToFloat((short) (a[i] >> shift));
                final float y = Float.float16ToFloat((short) (b[i] >> shift));
                final float z = Float.float16ToFloat((short) (c[i] >> shift));
                final float result = Float.float16ToFloat((short) (half.d(i) >> shift));
                assertNearest(exactly(x, y, z), result, 10, -14, 65504);
                final float u = Float.intBitsToFloat((int) (a[i] >> shift) << 16);
                final float v = Float.intBitsToFloat((int) (b[i] >> shift) << 16);
                final float w = Float.intBitsToFloat((int) (c[i] >> shift) << 16);
                assertNearest(exactly(u, v, w), Float.intBitsToFloat(brain.d(i) >> shift << 16), 7, -126, 0x1.fep127);
            }
        }
    }

    @Test
    void testEightBitsSaturate() {
        final Snippet snippet =
            Snippet.of("cvt.rn.satfinite.e4m3x2.f32 %h0, %a, %b; cvt.rn.satfinite.e5m2x2.f32 %h1, %a, %b;"
            + "cvt.rn.f16x2.e4m3x2 %r0, %h0; mov.b32 %d, {%h0, %h1}; cvt.u64.u32 %ld, %r0;")
            .inputs(bits(1000), bits(-0.017578125f), bits(0)).runClean();
        assertEquals(0x7e89, snippet.d(0) & 0xffff);
        assertEquals(0x64a4, snippet.d(0) >>> 16);
        assertEquals(448, Float.float16ToFloat((short) (snippet.ld(0) >>> 16)));
        assertEquals(-0.017578125f, Float.float16ToFloat((short) snippet.ld(0)));
    }

    /** Half a unit in the last place at most, and even when it is exactly half. */
    private static void assertNearest(final BigDecimal exact, final float result, final int fractionBits,
                                      final int leastExponent, final double greatest) {
        if (exact == null || result != result || Float.isInfinite(result)) {
            assertTrue(exact == null || exact.abs().compareTo(new BigDecimal(greatest)) > 0, exact + " gave " + result);
            return;
        }
        final int exponent = Math.max(Math.getExponent(result), leastExponent);
        final BigDecimal half = new BigDecimal(Math.scalb(1.0, exponent - fractionBits - 1));
        assertTrue(exact.subtract(new BigDecimal(result)).abs().compareTo(half) <= 0, exact + " gave " + result);
    }

    private static BigDecimal exactly(final float a, final float b, final float c) {
        if (!Float.isFinite(a) || !Float.isFinite(b) || !Float.isFinite(c)) {
            return null;
        }
        return new BigDecimal(a).multiply(new BigDecimal(b)).add(new BigDecimal(c));
    }

    private static long[] floats(final SplittableRandom random) {
        final long[] values = new long[256];
        for (int i = 0; i < values.length; i++) {
            final double magnitude = Math.scalb(random.nextDouble(), random.nextInt(40) - 20);
            values[i] = Float.floatToRawIntBits((float) (random.nextBoolean() ? magnitude : -magnitude)) & 0xffffffffL;
        }
        return values;
    }

    private static long[] bits(final float value) {
        return new long[] {Float.floatToRawIntBits(value) & 0xffffffffL};
    }

    private static float value(final long bits) {
        return Float.intBitsToFloat((int) bits);
    }

    private static BigDecimal exact(final long bits) {
        return new BigDecimal(value(bits));
    }

    private static BigDecimal above(final float value) {
        return new BigDecimal(Math.nextUp(value));
    }

    private static BigDecimal below(final float value) {
        return new BigDecimal(Math.nextDown(value));
    }
}
