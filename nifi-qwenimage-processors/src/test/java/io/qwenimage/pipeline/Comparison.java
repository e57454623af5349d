package io.qwenimage.pipeline;

import io.qwenimage.image.RgbImage;
import io.qwenimage.tensor.HostTensor;
import java.util.Locale;

/**
 * What differs between what was expected and what came.
 *
 * @param passed      whether the limits were kept
 * @param description figures, and on failure the first element out of bounds with both values
 */
record Comparison(boolean passed, String description) {
    /**
     * Compares real numbers. Both the largest error relative to the largest expected magnitude, and the error's norm
     * relative to the expected norm, must be within the tolerance; a number that is not finite fails.
     */
    static Comparison of(final String name, final HostTensor expected, final HostTensor actual,
            final double tolerance) {
        if (!expected.shape().equals(actual.shape())) {
            return new Comparison(false, name + " has shape " + actual.shape() + ", expected " + expected.shape());
        }
        final float[] wanted = expected.toFloats();
        final float[] given = actual.toFloats();
        double scale = 0;
        double squares = 0;
        for (final float value : wanted) {
            scale = Math.max(scale, Math.abs(value));
            squares += (double) value * value;
        }
        double largest = 0;
        double errors = 0;
        int bad = 0;
        int firstBad = -1;
        for (int i = 0; i < wanted.length; i++) {
            final double error = Math.abs((double) given[i] - wanted[i]);
            errors += error * error;
            largest = Math.max(largest, error);
            if (!(error <= tolerance * scale)) {
                firstBad = firstBad < 0 ? i : firstBad;
                bad++;
            }
        }
        final double relative = Math.sqrt(errors / squares);
        final String figures = String.format(Locale.ROOT, "%s max %.2e L2 %.2e", name, largest / scale, relative);
        if (bad > 0) {
            return new Comparison(false, figures + " beyond " + tolerance + ": " + bad + " of " + wanted.length
                    + " elements, the first at " + firstBad + " of " + expected.shape() + ": expected "
                    + wanted[firstBad] + ", was " + given[firstBad]);
        }
        return new Comparison(relative <= tolerance, figures);
    }

    /**
     * Compares pictures: the largest difference of a sample and the peak signal-to-noise ratio.
     *
     * @param expected [h, w, 3], 0 to 1
     */
    static Comparison ofPictures(final HostTensor expected, final RgbImage actual, final double psnr,
            final double maximumDifference) {
        if (expected.shape().extent(0) != actual.height() || expected.shape().extent(1) != actual.width()) {
            return new Comparison(false, "the picture has " + actual.height() + " x " + actual.width()
                    + " pixels, expected " + expected.shape());
        }
        final float[] wanted = expected.toFloats();
        long squares = 0;
        int largest = 0;
        int firstBad = -1;
        for (int i = 0; i < wanted.length; i++) {
            final int difference = Math.abs((int) Math.rint(wanted[i] * 255) - (actual.rgb()[i] & 0xff));
            squares += (long) difference * difference;
            largest = Math.max(largest, difference);
            if (firstBad < 0 && difference > maximumDifference) {
                firstBad = i;
            }
        }
        final double ratio = 10 * Math.log10(255.0 * 255 * wanted.length / squares);
        final String figures = String.format(Locale.ROOT, "picture PSNR %.1f dB, off by %d of 255 at most", ratio,
                largest);
        if (firstBad >= 0) {
            return new Comparison(false, figures + ": the first sample off by more than " + maximumDifference
                    + " is " + firstBad + " of " + expected.shape() + ": expected "
                    + Math.rint(wanted[firstBad] * 255) + ", was " + (actual.rgb()[firstBad] & 0xff));
        }
        return new Comparison(ratio >= psnr, figures + (ratio >= psnr ? "" : ", below " + psnr + " dB"));
    }
}
