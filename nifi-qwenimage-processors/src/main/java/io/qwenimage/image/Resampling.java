package io.qwenimage.image;

import java.util.Arrays;

/**
 * Resizes pictures equal to Pillow's {@code Image.resize} in every bit (libImaging/Resample.c): a pass along each axis,
 * each rounding to 8 bits, with weights in fixed point. Where a side shrinks, the filter widens by the same factor, so
 * that every source pixel counts. Since each pass rounds, their order shows; it is that of Pillow 13, which takes the
 * vertical pass first where it saves most (earlier releases never do).
 */
public final class Resampling {
    private static final int CHANNELS = 3;
    /** 32 bits less 8 for the sample and 2 for weights beyond one and below zero. */
    private static final int PRECISION_BITS = 22;

    private Resampling() {
    }

    /**
     * A picture resized. An axis whose length stays is not filtered; a picture whose size stays is returned itself.
     *
     * @throws IllegalArgumentException if a length is not positive
     */
    public static RgbImage resize(final RgbImage image, final ImageSize size, final ResampleFilter filter) {
        final int removedRows = image.height() - size.height();
        final int removedColumns = image.width() - size.width();
        if (removedRows > 0 && removedRows > 2L * removedColumns) {
            return horizontal(vertical(image, size.height(), filter), size.width(), filter);
        }
        return vertical(horizontal(image, size.width(), filter), size.height(), filter);
    }

    private static RgbImage horizontal(final RgbImage image, final int width, final ResampleFilter filter) {
        if (width == image.width()) {
            return image;
        }
        final Weights weights = new Weights(image.width(), width, filter);
        final byte[] from = image.rgb();
        final byte[] to = new byte[samples(width, image.height())];
        int at = 0;
        for (int y = 0; y < image.height(); y++) {
            final int row = y * image.width() * CHANNELS;
            for (int x = 0; x < width; x++) {
                int red = 1 << PRECISION_BITS - 1;
                int green = red;
                int blue = red;
                int pixel = row + weights.first[x] * CHANNELS;
                final int end = x * weights.stride + weights.count[x];
                for (int k = x * weights.stride; k < end; k++) {
                    final int weight = weights.fixed[k];
                    red += (from[pixel] & 0xff) * weight;
                    green += (from[pixel + 1] & 0xff) * weight;
                    blue += (from[pixel + 2] & 0xff) * weight;
                    pixel += CHANNELS;
                }
                to[at] = clamp(red);
                to[at + 1] = clamp(green);
                to[at + 2] = clamp(blue);
                at += CHANNELS;
            }
        }
        return new RgbImage(width, image.height(), to);
    }

    private static RgbImage vertical(final RgbImage image, final int height, final ResampleFilter filter) {
        if (height == image.height()) {
            return image;
        }
        final Weights weights = new Weights(image.height(), height, filter);
        final int row = image.width() * CHANNELS;
        final byte[] from = image.rgb();
        final byte[] to = new byte[samples(image.width(), height)];
        final int[] sums = new int[row];
        for (int y = 0; y < height; y++) {
            Arrays.fill(sums, 1 << PRECISION_BITS - 1);
            for (int k = 0; k < weights.count[y]; k++) {
                accumulate(sums, from, (weights.first[y] + k) * row, weights.fixed[y * weights.stride + k]);
            }
            for (int i = 0; i < row; i++) {
                to[y * row + i] = clamp(sums[i]);
            }
        }
        return new RgbImage(image.width(), height, to);
    }

    private static void accumulate(final int[] sums, final byte[] from, final int offset, final int weight) {
        for (int i = 0; i < sums.length; i++) {
            sums[i] += (from[offset + i] & 0xff) * weight;
        }
    }

    private static byte clamp(final int sum) {
        return (byte) Math.max(0, Math.min(255, sum >> PRECISION_BITS));
    }

    private static int samples(final int width, final int height) {
        if ((long) width * height * CHANNELS > Integer.MAX_VALUE - 8) {
            throw new ImageException("a picture of " + width + " x " + height
                    + " pixels does not fit into memory; choose a smaller size");
        }
        return width * height * CHANNELS;
    }

    /** The weights of every target position over its run of source positions. */
    private static final class Weights {
        /** [target]: the first source position. */
        private final int[] first;
        /** [target]: the length of the run. */
        private final int[] count;
        /** [target, stride]: weights in fixed point, summing to about one. */
        private final int[] fixed;
        private final int stride;

        private Weights(final int from, final int to, final ResampleFilter filter) {
            final double scale = (double) from / to;
            final double widening = Math.max(1, scale);
            final double support = filter.support() * widening;
            stride = Math.min(from, (int) Math.ceil(support) * 2 + 1);
            first = new int[to];
            count = new int[to];
            fixed = new int[Math.multiplyExact(to, stride)];
            final double[] real = new double[stride];
            final double narrowing = 1 / widening;
            for (int i = 0; i < to; i++) {
                final double centre = (i + 0.5) * scale;
                first[i] = Math.max(0, (int) (centre - support + 0.5));
                count[i] = Math.min(from, (int) (centre + support + 0.5)) - first[i];
                double sum = 0;
                for (int k = 0; k < count[i]; k++) {
                    real[k] = filter.weight((k + first[i] - centre + 0.5) * narrowing);
                    sum += real[k];
                }
                for (int k = 0; k < count[i]; k++) {
                    final double weight = (sum == 0 ? real[k] : real[k] / sum) * (1 << PRECISION_BITS);
                    // Rounds half away from zero, by truncation, as the C cast does.
                    fixed[i * stride + k] = (int) (weight < 0 ? weight - 0.5 : weight + 0.5);
                }
            }
        }
    }
}
