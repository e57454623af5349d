package io.qwenimage.image;

/** What the components of a JPEG picture mean, and how libjpeg and Pillow turn them into RGB. */
enum JpegColours {
    /** One component. */
    GREY,
    /** Three components as they are. */
    RGB,
    /** Luma and two differences (JFIF). */
    YCC,
    /** Four inks, inverted as Adobe writes them; Pillow takes all for inverted. */
    CMYK,
    /** Inks whose first three are given as luma and differences. */
    YCCK;

    private static final int FRACTION_BITS = 16;
    private static final int HALF = 1 << FRACTION_BITS - 1;
    private static final int RED_FROM_RED_DIFFERENCE = 91881;
    private static final int BLUE_FROM_BLUE_DIFFERENCE = 116130;
    private static final int GREEN_FROM_RED_DIFFERENCE = 46802;
    private static final int GREEN_FROM_BLUE_DIFFERENCE = 22554;
    private static final int CENTRE = 128;

    /**
     * Converts a row.
     *
     * @param rows one row of samples for each component
     * @param rgb  where three samples for each pixel are written
     */
    void convert(final byte[][] rows, final byte[] rgb, final int offset) {
        final int width = rows[0].length;
        int at = offset;
        for (int x = 0; x < width; x++) {
            final int first = rows[0][x] & 0xff;
            switch (this) {
                case GREY -> put(rgb, at, first, first, first);
                case RGB -> put(rgb, at, first, rows[1][x], rows[2][x]);
                case YCC -> ycc(rgb, at, first, rows[1][x] & 0xff, rows[2][x] & 0xff);
                case CMYK -> inks(rgb, at, first, rows[1][x] & 0xff, rows[2][x] & 0xff, rows[3][x] & 0xff);
                case YCCK -> {
                    ycc(rgb, at, first, rows[1][x] & 0xff, rows[2][x] & 0xff);
                    inks(rgb, at, 255 - (rgb[at] & 0xff), 255 - (rgb[at + 1] & 0xff), 255 - (rgb[at + 2] & 0xff),
                            rows[3][x] & 0xff);
                }
            }
            at += 3;
        }
    }

    private static void put(final byte[] rgb, final int at, final int red, final int green, final int blue) {
        rgb[at] = (byte) red;
        rgb[at + 1] = (byte) green;
        rgb[at + 2] = (byte) blue;
    }

    private static void ycc(final byte[] rgb, final int at, final int luma, final int blue, final int red) {
        final int blueDifference = blue - CENTRE;
        final int redDifference = red - CENTRE;
        put(rgb, at, clamp(luma + (RED_FROM_RED_DIFFERENCE * redDifference + HALF >> FRACTION_BITS)),
                clamp(luma + (-GREEN_FROM_BLUE_DIFFERENCE * blueDifference - GREEN_FROM_RED_DIFFERENCE * redDifference
                        + HALF >> FRACTION_BITS)),
                clamp(luma + (BLUE_FROM_BLUE_DIFFERENCE * blueDifference + HALF >> FRACTION_BITS)));
    }

    /** Inverted inks: full ink is 0. */
    private static void inks(final byte[] rgb, final int at, final int cyan, final int magenta, final int yellow,
            final int black) {
        put(rgb, at, ink(255 - cyan, black), ink(255 - magenta, black), ink(255 - yellow, black));
    }

    /** Light that an ink over black leaves; the product over 255 rounds as Pillow's does. */
    static int ink(final int ink, final int light) {
        final int product = ink * light + 128;
        return clamp(light - ((product >> 8) + product >> 8));
    }

    private static int clamp(final int value) {
        return Math.max(0, Math.min(255, value));
    }
}
