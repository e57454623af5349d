package io.qwenimage.ptx.instruction;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.qwenimage.ptx.Snippet;
import java.math.BigInteger;
import java.util.SplittableRandom;
import java.util.function.BinaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Integer and bit instructions against arithmetic without bounds. */
class IntegerInstructionsTest {
    private static final BigInteger TWO_32 = BigInteger.ONE.shiftLeft(32);

    static Stream<Arguments> binaries() {
        return Stream.of(
            binary("add.s32 %d, %a, %b;", true, BigInteger::add),
            binary("sub.u32 %d, %a, %b;", false, BigInteger::subtract),
            binary("mul.lo.s32 %d, %a, %b;", true, BigInteger::multiply),
            binary("mul.hi.s32 %d, %a, %b;", true, (x, y) -> x.multiply(y).shiftRight(32)),
            binary("mul.hi.u32 %d, %a, %b;", false, (x, y) -> x.multiply(y).shiftRight(32)),
            binary("div.s32 %d, %a, %b;", true, BigInteger::divide),
            binary("rem.s32 %d, %a, %b;", true, BigInteger::remainder),
            binary("div.u32 %d, %a, %b;", false, BigInteger::divide),
            binary("rem.u32 %d, %a, %b;", false, BigInteger::remainder),
            binary("min.s32 %d, %a, %b;", true, BigInteger::min),
            binary("max.u32 %d, %a, %b;", false, BigInteger::max),
            binary("add.sat.s32 %d, %a, %b;", true, (x, y) -> saturated(x.add(y))),
            binary("sub.sat.s32 %d, %a, %b;", true, (x, y) -> saturated(x.subtract(y))),
            binary("sad.s32 %d, %a, %b, 5;", true, (x, y) -> x.subtract(y).abs().add(BigInteger.valueOf(5))),
            binary("mul24.lo.s32 %d, %a, %b;", true, (x, y) -> signed24(x).multiply(signed24(y))),
            binary("mul24.hi.u32 %d, %a, %b;", false, (x, y) -> low24(x).multiply(low24(y)).shiftRight(16)),
            binary("and.b32 %d, %a, %b;", false, BigInteger::and),
            binary("xor.b32 %d, %a, %b;", false, BigInteger::xor));
    }

    @ParameterizedTest
    @MethodSource("binaries")
    void testOfTwoValues(final String instruction, final boolean signed, final BinaryOperator<BigInteger> expected) {
        final SplittableRandom random = new SplittableRandom(instruction.hashCode());
        final long[] a = values(random);
        final long[] b = values(random);
        for (int i = 0; i < b.length; i++) {
            b[i] = (int) b[i] == 0 ? 3 : b[i];
        }
        final Snippet snippet = runAll(instruction, a, b);
        for (int i = 0; i < 256; i++) {
            assertEquals(expected.apply(value(a[i], signed), value(b[i], signed)).mod(TWO_32).intValue(), snippet.d(i),
                instruction + " of " + (int) a[i] + " and " + (int) b[i]);
        }
    }

    @Test
    void testWideProducts() {
        final SplittableRandom random = new SplittableRandom(1);
        final long[] a = values(random);
        final long[] b = values(random);
        final Snippet signed = runAll("mul.wide.s32 %ld, %a, %b;", a, b);
        final Snippet unsigned = runAll("mad.wide.u32 %ld, %a, %b, %lc;", a, b);
        final Snippet high = runAll("mul.hi.u64 %ld, %la, %lb;", a, b);
        for (int i = 0; i < 256; i++) {
            assertEquals((long) (int) a[i] * (int) b[i], signed.ld(i));
            assertEquals((a[i] & 0xffffffffL) * (b[i] & 0xffffffffL) + a[i], unsigned.ld(i));
            assertEquals(unsigned(a[i]).multiply(unsigned(b[i])).shiftRight(64).longValue(), high.ld(i));
        }
    }

    @Test
    void testCarryRunsThroughFourWords() {
        final SplittableRandom random = new SplittableRandom(2);
        final long[] a = values(random);
        final long[] b = values(random);
        final String split = "mov.b64 {%r0, %r1}, %la; mov.b64 {%r2, %r3}, %lb;";
        final Snippet sum = runAll(split + "add.cc.u32 %r4, %r0, %r2; addc.cc.u32 %r5, %r1, %r3; addc.u32 %d, 0, 0;"
            + "mov.b64 %ld, {%r4, %r5};", a, b);
        final Snippet difference = runAll(split + "sub.cc.u32 %r4, %r0, %r2; subc.cc.u32 %r5, %r1, %r3;"
            + "subc.u32 %d, 0, 0; mov.b64 %ld, {%r4, %r5};", a, b);
        final Snippet product = runAll(split + "mul.lo.u32 %r4, %r0, %r2; mul.hi.u32 %r5, %r0, %r2;"
            + "mad.lo.cc.u32 %r5, %r1, %r2, %r5; madc.hi.u32 %r6, %r1, %r2, 0; mad.lo.cc.u32 %r5, %r0, %r3, %r5;"
            + "madc.hi.cc.u32 %r6, %r0, %r3, %r6; addc.u32 %d, 0, 0; mov.b64 %ld, {%r4, %r5};", a, b);
        for (int i = 0; i < 256; i++) {
            assertEquals(a[i] + b[i], sum.ld(i));
            assertEquals(unsigned(a[i]).add(unsigned(b[i])).shiftRight(64).intValue(), sum.d(i));
            assertEquals(a[i] - b[i], difference.ld(i));
            assertEquals(Long.compareUnsigned(a[i], b[i]) < 0 ? -1 : 0, difference.d(i));
            assertEquals(a[i] * b[i], product.ld(i));
        }
    }

    static Stream<Arguments> fixed() {
        return Stream.of(
            Arguments.of("shl.b32 %d, %a, 32;", 0xdeadbeef, 0, 0, 0),
            Arguments.of("shr.s32 %d, %a, 40;", 0x80000000, 0, 0, -1),
            Arguments.of("shr.u32 %d, %a, 4;", 0x80000000, 0, 0, 0x08000000),
            Arguments.of("shf.l.wrap.b32 %d, %a, %b, %c;", 0x89abcdef, 0x01234567, 36, 0x12345678),
            Arguments.of("shf.r.clamp.b32 %d, %a, %b, %c;", 0x89abcdef, 0x01234567, 36, 0x01234567),
            Arguments.of("lop3.b32 %d, %a, %b, %c, 0xe8;", 0xff00ff00, 0xf0f0f0f0, 0xcccccccc, 0xfcc0fcc0),
            Arguments.of("prmt.b32 %d, %a, %b, 0x7531;", 0x33221100, 0x77665544, 0, 0x77553311),
            Arguments.of("prmt.b32 %d, %a, %b, 0x8c3b;", 0x83221100, 0xf7665544, 0, 0x000083ff),
            Arguments.of("prmt.b32.b4e %d, %a, %b, %c;", 0x33221100, 0x77665544, 1, 0x66770011),
            Arguments.of("prmt.b32.rc16 %d, %a, %b, %c;", 0x33221100, 0x77665544, 1, 0x33223322),
            Arguments.of("bfe.u32 %d, %a, 28, 8;", 0xf2345678, 0, 0, 0xf),
            Arguments.of("bfe.s32 %d, %a, 28, 8;", 0xf2345678, 0, 0, -1),
            Arguments.of("bfe.s32 %d, %a, 4, 4;", 0x000000a0, 0, 0, 0xfffffffa),
            Arguments.of("bfe.u32 %d, %a, 3, 0;", 0xffffffff, 0, 0, 0),
            Arguments.of("bfi.b32 %d, %a, %b, 8, 12;", 0xfff, 0x12345678, 0, 0x123fff78),
            Arguments.of("bfind.u32 %d, %a;", 0x00010000, 0, 0, 16),
            Arguments.of("bfind.s32 %d, %a;", 0xffff0000, 0, 0, 15),
            Arguments.of("bfind.shiftamt.u32 %d, %a;", 0x00010000, 0, 0, 15),
            Arguments.of("bfind.u32 %d, %a;", 0, 0, 0, -1),
            Arguments.of("brev.b32 %d, %a;", 1, 0, 0, 0x80000000),
            Arguments.of("popc.b32 %d, %a;", 0xf0f0, 0, 0, 8),
            Arguments.of("clz.b32 %d, %a;", 0, 0, 0, 32),
            Arguments.of("fns.b32 %d, %a, 0, 3;", 0b101100, 0, 0, 5),
            Arguments.of("fns.b32 %d, %a, 31, -1;", 0b101100, 0, 0, 5),
            Arguments.of("bmsk.clamp.b32 %d, 4, 8;", 0, 0, 0, 0xff0),
            Arguments.of("szext.wrap.s32 %d, %a, 8;", 0x80, 0, 0, 0xffffff80),
            Arguments.of("setp.eq.u32 %p1, 0, 0; lop3.or.b32 %d|%p0, %a, %b, %c, 0x80, !%p1; selp.b32 %d, 1, 0, %p0;",
                4, 4, 2, 0),
            Arguments.of("setp.eq.u32 %p1, 0, 0; lop3.and.b32 %d|%p0, %a, %b, %c, 0x80, %p1; selp.b32 %d, %d, 9, %p0;",
                6, 14, 3, 2),
            Arguments.of("vabsdiff4.u32.u32.u32.add %d, %a, %b, %c;", 0xff000010, 0x01010101, 5, 254 + 1 + 1 + 15 + 5),
            Arguments.of("vadd4.u32.u32.u32 %d, %a, %b, %c;", 0xff01807f, 0x01018001, 0, 0x00020080),
            Arguments.of("vadd4.s32.s32.s32.sat %d, %a, %b, %c;", 0xff01807f, 0x01018001, 0, 0x0002807f),
            Arguments.of("vsub2.s32.s32.s32 %d, %a, %b, %c;", 0x00010000, 0x00020001, 0, 0xffffffff),
            Arguments.of("vavrg4.u32.u32.u32 %d, %a, %b, %c;", 0x04030201, 0x05030302, 0, 0x05030302),
            Arguments.of("vmin2.s32.s32.s32 %d, %a, %b, %c;", 0x8000_0005, 0x0001_0004, 0, 0x8000_0004),
            Arguments.of("vmax4.u32.u32.u32 %d, %a, %b, %c;", 0x80017f00, 0x7f028000, 0, 0x80028000),
            Arguments.of("dp4a.s32.u32 %d, %a, %b, %c;", 0xff01ff01, 0x02020202, 10, 10),
            Arguments.of("dp2a.lo.s32.s32 %d, %a, %b, %c;", 0x0003fffe, 0x00000405, 1, 3));
    }

    @ParameterizedTest
    @MethodSource("fixed")
    void testBitsByHand(final String instruction, final int a, final int b, final int c, final int expected) {
        final Snippet snippet = runOne(instruction, a, b, c);
        assertEquals(Integer.toHexString(expected), Integer.toHexString(snippet.d(0)), instruction);
    }

    @Test
    void testHalfWords() {
        final Snippet snippet = runOne("cvt.u16.u32 %h0, %a; cvt.u16.u32 %h1, %b; mul.lo.s16 %h2, %h0, %h1;"
            + "max.s16 %h3, %h0, %h1; shr.s16 %h4, %h0, 4; neg.s16 %h5, %h0;"
            + "mov.b32 %d, {%h2, %h3}; mov.b32 %r0, {%h4, %h5};"
            + "cvt.u64.u32 %ld, %r0;", -300, 77, 0);
        assertEquals((short) (-300 * 77), (short) snippet.d(0));
        assertEquals(77, snippet.d(0) >> 16);
        assertEquals(-300 >> 4, (short) snippet.ld(0));
        assertEquals(300, (int) snippet.ld(0) >> 16);
    }

    /** One thread for each pair of values; the third input is the first once more. */
    private static Snippet runAll(final String instructions, final long[] a, final long[] b) {
        return Snippet.of(instructions).threads(a.length).inputs(a, b, a).runClean();
    }

    private static Snippet runOne(final String instructions, final long a, final long b, final long c) {
        return Snippet.of(instructions).inputs(new long[] {a}, new long[] {b}, new long[] {c}).runClean();
    }

    private static Arguments binary(final String instruction, final boolean signed,
                                    final BinaryOperator<BigInteger> expected) {
        return Arguments.of(instruction, signed, expected);
    }

    private static long[] values(final SplittableRandom random) {
        final long[] special = {0, 1, -1, Integer.MIN_VALUE, Integer.MAX_VALUE, Long.MIN_VALUE, Long.MAX_VALUE,
            0xffffffffL};
        final long[] values = new long[256];
        for (int i = 0; i < values.length; i++) {
            values[i] = i % 3 == 0 ? special[random.nextInt(special.length)] : random.nextLong() >> random.nextInt(64);
        }
        return values;
    }

    private static BigInteger value(final long bits, final boolean signed) {
        return BigInteger.valueOf(signed ? (int) bits : bits & 0xffffffffL);
    }

    private static BigInteger unsigned(final long bits) {
        return new BigInteger(Long.toUnsignedString(bits));
    }

    private static BigInteger saturated(final BigInteger value) {
        return value.max(BigInteger.valueOf(Integer.MIN_VALUE)).min(BigInteger.valueOf(Integer.MAX_VALUE));
    }

    private static BigInteger low24(final BigInteger value) {
        return value.and(BigInteger.valueOf(0xffffff));
    }

    private static BigInteger signed24(final BigInteger value) {
        return BigInteger.valueOf(value.intValue() << 8 >> 8);
    }
}
