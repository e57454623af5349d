package io.qwenimage.image;

/**
 * The inverse cosine transform of 8 x 8 coefficients in integers, after Loeffler, Ligtenberg and Moschytz (ICASSP 1989),
 * with the constants and the rounding of libjpeg's accurate method (jidctint.c), so that samples agree to the last bit.
 */
final class JpegTransform {
    private static final int FRACTION_BITS = 13;
    /** Fraction bits that the first pass leaves. */
    private static final int FIRST_PASS_BITS = 2;
    private static final int CENTRE = 128;
    private static final int C_0_298631336 = 2446;
    private static final int C_0_390180644 = 3196;
    private static final int C_0_541196100 = 4433;
    private static final int C_0_765366865 = 6270;
    private static final int C_0_899976223 = 7373;
    private static final int C_1_175875602 = 9633;
    private static final int C_1_501321110 = 12299;
    private static final int C_1_847759065 = 15137;
    private static final int C_1_961570560 = 16069;
    private static final int C_2_053119869 = 16819;
    private static final int C_2_562915447 = 20995;
    private static final int C_3_072711026 = 25172;

    private JpegTransform() {
    }

    /**
     * Transforms a block.
     *
     * @param block   64 dequantised coefficients, natural order; overwritten
     * @param samples where 8 rows of 8 samples are written
     */
    static void inverse(final int[] block, final byte[] samples, final int offset, final int stride) {
        for (int column = 0; column < 8; column++) {
            pass(block, column, 8, FRACTION_BITS - FIRST_PASS_BITS);
        }
        for (int row = 0; row < 8; row++) {
            pass(block, row * 8, 1, FRACTION_BITS + FIRST_PASS_BITS + 3);
            final int at = offset + row * stride;
            for (int column = 0; column < 8; column++) {
                samples[at + column] = (byte) Math.max(0, Math.min(255, block[row * 8 + column] + CENTRE));
            }
        }
    }

    /** Eight coefficients, so many places apart, become eight values, shifted right with rounding. */
    private static void pass(final int[] block, final int start, final int step, final int shift) {
        final int in1 = block[start + step];
        final int in2 = block[start + 2 * step];
        final int in3 = block[start + 3 * step];
        final int in4 = block[start + 4 * step];
        final int in5 = block[start + 5 * step];
        final int in6 = block[start + 6 * step];
        final int in7 = block[start + 7 * step];
        final int round = 1 << shift - 1;
        if ((in1 | in2 | in3 | in4 | in5 | in6 | in7) == 0) {
            final int value = (block[start] << FRACTION_BITS) + round >> shift;
            for (int i = 0; i < 8; i++) {
                block[start + i * step] = value;
            }
            return;
        }
        // Even part.
        final int turned = (in2 + in6) * C_0_541196100;
        final int even2 = turned - in6 * C_1_847759065;
        final int even3 = turned + in2 * C_0_765366865;
        final int even0 = block[start] + in4 << FRACTION_BITS;
        final int even1 = block[start] - in4 << FRACTION_BITS;
        final int sum0 = even0 + even3 + round;
        final int sum3 = even0 - even3 + round;
        final int sum1 = even1 + even2 + round;
        final int sum2 = even1 - even2 + round;
        // Odd part.
        final int shared = (in7 + in3 + in5 + in1) * C_1_175875602;
        final int z1 = -(in7 + in1) * C_0_899976223;
        final int z2 = -(in5 + in3) * C_2_562915447;
        final int z3 = shared - (in7 + in3) * C_1_961570560;
        final int z4 = shared - (in5 + in1) * C_0_390180644;
        final int odd0 = in7 * C_0_298631336 + z1 + z3;
        final int odd1 = in5 * C_2_053119869 + z2 + z4;
        final int odd2 = in3 * C_3_072711026 + z2 + z3;
        final int odd3 = in1 * C_1_501321110 + z1 + z4;
        block[start] = sum0 + odd3 >> shift;
        block[start + 7 * step] = sum0 - odd3 >> shift;
        block[start + step] = sum1 + odd2 >> shift;
        block[start + 6 * step] = sum1 - odd2 >> shift;
        block[start + 2 * step] = sum2 + odd1 >> shift;
        block[start + 5 * step] = sum2 - odd1 >> shift;
        block[start + 3 * step] = sum3 + odd0 >> shift;
        block[start + 4 * step] = sum3 - odd0 >> shift;
    }
}
