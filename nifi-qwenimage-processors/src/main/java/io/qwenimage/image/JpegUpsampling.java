package io.qwenimage.image;

/**
 * Brings a component of a JPEG picture to full size row by row, as libjpeg-turbo does (jdsample.c): halved sides by
 * triangle filters, other fractions by repetition.
 */
final class JpegUpsampling {
    /** Below three samples in a row libjpeg repeats instead of filtering across. */
    private static final int SHORTEST_FILTERED = 3;

    private final JpegComponent component;
    private final int acrossFactor;
    private final int downFactor;
    /** Sums of two rows, as the filter of both sides takes them. */
    private final int[] sums;

    JpegUpsampling(final JpegComponent component, final int largestHorizontal, final int largestVertical) {
        this.component = component;
        acrossFactor = largestHorizontal / component.horizontal;
        downFactor = largestVertical / component.vertical;
        sums = new int[component.width];
    }

    /**
     * Writes a row of the full picture.
     *
     * @param out as many samples as the component has, times its factor, rounded up to what the row needs at most
     */
    void row(final int y, final byte[] out) {
        final int nearest = y / downFactor * component.stride();
        final boolean filteredAcross = acrossFactor == 2 && component.width >= SHORTEST_FILTERED;
        if (acrossFactor == 1 && downFactor == 2) {
            between(nearest, neighbour(y), y % 2 == 0 ? 1 : 2, out);
        } else if (filteredAcross && downFactor == 1) {
            across(nearest, out);
        } else if (filteredAcross && downFactor == 2) {
            both(nearest, neighbour(y), out);
        } else {
            repeat(nearest, out);
        }
    }

    /** The row above for even rows, below for odd ones; at the edges the row itself. */
    private int neighbour(final int y) {
        final int row = y / 2 + (y % 2 == 0 ? -1 : 1);
        return Math.max(0, Math.min(component.height - 1, row)) * component.stride();
    }

    private void repeat(final int from, final byte[] out) {
        for (int x = 0; x < out.length; x++) {
            out[x] = component.samples[from + x / acrossFactor];
        }
    }

    private void between(final int near, final int far, final int bias, final byte[] out) {
        final byte[] samples = component.samples;
        for (int x = 0; x < out.length; x++) {
            out[x] = (byte) ((samples[near + x] & 0xff) * 3 + (samples[far + x] & 0xff) + bias >> 2);
        }
    }

    private void across(final int from, final byte[] out) {
        final byte[] samples = component.samples;
        for (int x = 0; x < sums.length; x++) {
            sums[x] = samples[from + x] & 0xff;
        }
        filter(out, 1, 2, 2);
    }

    private void both(final int near, final int far, final byte[] out) {
        final byte[] samples = component.samples;
        for (int x = 0; x < sums.length; x++) {
            sums[x] = (samples[near + x] & 0xff) * 3 + (samples[far + x] & 0xff);
        }
        filter(out, 8, 7, 4);
    }

    /** Three parts of the nearer sum and one of the farther; left and right round differently so that none drifts. */
    private void filter(final byte[] out, final int leftBias, final int rightBias, final int shift) {
        final int last = sums.length - 1;
        for (int x = 0; x < out.length; x++) {
            final int nearest = x / 2;
            final boolean left = x % 2 == 0;
            if (left && nearest == 0 || !left && nearest == last) {
                // The first and last samples stand alone: four parts of one sum.
                out[x] = (byte) (sums[nearest] * 4 + (shift == 2 ? 0 : left ? leftBias : rightBias) >> shift);
            } else {
                out[x] = (byte) (sums[nearest] * 3 + sums[left ? nearest - 1 : nearest + 1]
                        + (left ? leftBias : rightBias) >> shift);
            }
        }
    }
}
