package io.qwenimage.image;

import java.util.List;

/**
 * How a vision tower of the Qwen family takes pictures: resized by {@link SmartResize}, normalised, and cut into patches
 * whose order keeps together those that the tower merges. Equal to {@code Qwen2VLImageProcessorPil} of transformers in
 * every bit.
 *
 * @param patchSize         side of a patch in pixels
 * @param temporalPatchSize frames of a patch; a picture stands still, so its one frame is repeated
 * @param mergeSize         side, in patches, of the square that becomes one token
 * @param minimumPixels     smallest area after resizing
 * @param maximumPixels     largest area after resizing
 * @param filter            how it is resized
 * @param rescaleFactor     what 8-bit samples are multiplied by
 * @param mean              of each channel, subtracted from rescaled samples
 * @param deviation         of each channel, what the difference is divided by
 */
public record PatchLayout(int patchSize, int temporalPatchSize, int mergeSize, long minimumPixels, long maximumPixels,
        ResampleFilter filter, double rescaleFactor, List<Double> mean, List<Double> deviation) {
    private static final int CHANNELS = 3;
    private static final int SAMPLE_VALUES = 256;

    public PatchLayout {
        mean = List.copyOf(mean);
        deviation = List.copyOf(deviation);
        if (patchSize <= 0 || temporalPatchSize <= 0 || mergeSize <= 0 || minimumPixels <= 0
                || maximumPixels < minimumPixels || mean.size() != CHANNELS || deviation.size() != CHANNELS
                || deviation.contains(0.0)) {
            throw new IllegalArgumentException("patches of " + patchSize + " x " + patchSize + " pixels and "
                    + temporalPatchSize + " frames, merged by " + mergeSize + ", areas of " + minimumPixels + " to "
                    + maximumPixels + " pixels, mean " + mean + ", deviation " + deviation
                    + "; accepted are positive sizes, areas in order, and three numbers each, deviations not zero");
        }
    }

    /** The multiple that both sides of a resized picture are of. */
    public int factor() {
        return patchSize * mergeSize;
    }

    /** Samples in a patch: channels, frames, rows, columns. */
    public int patchSamples() {
        return CHANNELS * temporalPatchSize * patchSize * patchSize;
    }

    /**
     * The size that the tower sees a picture at.
     *
     * @throws ImageException if the picture is too long for its breadth
     */
    public ImageSize resizedSize(final ImageSize size) {
        return SmartResize.of(size, factor(), minimumPixels, maximumPixels);
    }

    /** The number of tokens that a picture becomes. */
    public long tokens(final ImageSize size) {
        return resizedSize(size).pixels() / ((long) factor() * factor());
    }

    /**
     * A picture, resized, normalised and cut into patches.
     *
     * @throws ImageException if the picture is too long for its breadth or its patches fit into no array
     */
    public PixelValues patches(final RgbImage image) {
        final ImageSize size = resizedSize(ImageSize.of(image));
        if (size.pixels() * CHANNELS * temporalPatchSize > Integer.MAX_VALUE - 8) {
            throw new ImageException("a picture of " + image.width() + " x " + image.height() + " pixels is seen as "
                    + size + ", too large for memory; lower max_pixels of the model's image processor");
        }
        final RgbImage resized = Resampling.resize(image, size, filter);
        final float[] values = new float[(int) size.pixels() * CHANNELS * temporalPatchSize];
        final float[][] normalised = normalised();
        final int gridHeight = size.height() / patchSize;
        final int gridWidth = size.width() / patchSize;
        int at = 0;
        // Order of patches: [gridHeight / merge, gridWidth / merge, merge, merge].
        for (int blockY = 0; blockY < gridHeight; blockY += mergeSize) {
            for (int blockX = 0; blockX < gridWidth; blockX += mergeSize) {
                for (int inBlock = 0; inBlock < mergeSize * mergeSize; inBlock++) {
                    patch(resized, blockY + inBlock / mergeSize, blockX + inBlock % mergeSize, normalised, values, at);
                    at += patchSamples();
                }
            }
        }
        return new PixelValues(values, 1, gridHeight, gridWidth, size);
    }

    /** Writes one patch: [channel, frame, row, column]. */
    private void patch(final RgbImage image, final int patchY, final int patchX, final float[][] normalised,
            final float[] values, final int offset) {
        final int pixels = patchSize * patchSize;
        for (int channel = 0; channel < CHANNELS; channel++) {
            final float[] table = normalised[channel];
            final int start = offset + channel * temporalPatchSize * pixels;
            int at = start;
            for (int y = 0; y < patchSize; y++) {
                int sample = ((patchY * patchSize + y) * image.width() + patchX * patchSize) * CHANNELS + channel;
                for (int x = 0; x < patchSize; x++) {
                    values[at++] = table[image.rgb()[sample] & 0xff];
                    sample += CHANNELS;
                }
            }
            for (int frame = 1; frame < temporalPatchSize; frame++) {
                System.arraycopy(values, start, values, start + frame * pixels, pixels);
            }
        }
    }

    /** [channel, 8-bit sample]; rounds to single precision where the reference does. */
    private float[][] normalised() {
        final float[][] tables = new float[CHANNELS][SAMPLE_VALUES];
        for (int channel = 0; channel < CHANNELS; channel++) {
            final float centre = mean.get(channel).floatValue();
            final float spread = deviation.get(channel).floatValue();
            for (int sample = 0; sample < SAMPLE_VALUES; sample++) {
                tables[channel][sample] = ((float) (sample * rescaleFactor) - centre) / spread;
            }
        }
        return tables;
    }
}
