package io.qwenimage.backend.cuda;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/**
 * The convolutions with windows of 3 x 3 that decode a picture of 1024 x 1024 with the published autoencoder in BF16 on an
 * H100, through cuDNN and by unfolded windows: arithmetic at 80 % of the peak or bytes at what a copy reaches, whichever
 * takes longer, and 2 us for start and end of every launch. A model, not a measurement.
 */
final class ModelledDecode {
    private static final double RATE = 0.8 * 989e12;
    private static final double BYTES_PER_SECOND = 0.92 * 3352e9;
    private static final double LAUNCH = 2e-6;
    private static final int TAPS = 9;
    private static final int BYTES = 2;
    /** As {@link Projections} bounds them. */
    private static final double UNFOLDED_BYTES = 256 << 20;
    private static final Path TABLE = Path.of("../kernels/PERFORMANCE.md");
    /** What the table's row of {@code unfold_bf16} writes: windows of 16 rows of 256 pixels of 96 channels. */
    private static final double TABLE_BYTES = 16.0 * 256 * 96 * TAPS * BYTES;

    private static final int LATENT_SIDE = 128;
    private static final int LATENT_CHANNELS = 16;
    private static final int PICTURE_CHANNELS = 3;
    /** Channels of the levels, the innermost first. */
    private static final int[] LEVELS = {384, 384, 192, 96};
    private static final int BLOCKS = 3;

    private final double unfoldedBytesPerSecond;
    private double operations;
    private double bytes;
    private double windowBytes;
    private double seconds;
    private double windowSeconds;
    private int count;
    private int windowLaunches;

    ModelledDecode() throws IOException {
        unfoldedBytesPerSecond = TABLE_BYTES / (ofTable("unfold_bf16") - LAUNCH);
        int side = LATENT_SIDE;
        int channels = LEVELS[0];
        convolution(side, LATENT_CHANNELS, channels, false);
        residualBlock(side, channels, channels);
        residualBlock(side, channels, channels);
        for (int level = 0; level < LEVELS.length; level++) {
            for (int block = 0; block < BLOCKS; block++) {
                residualBlock(side, channels, LEVELS[level]);
                channels = LEVELS[level];
            }
            if (level < LEVELS.length - 1) {
                side *= 2;
                convolution(side, channels, channels / 2, false);
                channels /= 2;
            }
        }
        convolution(side, channels, PICTURE_CHANNELS, false);
    }

    private void residualBlock(final int side, final int in, final int out) {
        convolution(side, in, out, false);
        convolution(side, out, out, true);
    }

    private void convolution(final int side, final int in, final int out, final boolean summed) {
        final double pixels = (double) side * side;
        final double work = 2 * TAPS * pixels * in * out;
        final double results = pixels * out * BYTES * (summed ? 2 : 1) + (double) TAPS * in * out * BYTES;
        final double picture = pixels * in * BYTES;
        final double windows = TAPS * picture;
        operations += work;
        count++;
        bytes += picture + results;
        seconds += Math.max(work / RATE, (picture + results) / BYTES_PER_SECOND) + LAUNCH;
        // Windows are written after reading the picture, then read as a matrix.
        windowBytes += picture + 2 * windows + results;
        final int bands = (int) Math.ceil(windows / UNFOLDED_BYTES);
        windowLaunches += 2 * bands;
        windowSeconds += windows / unfoldedBytesPerSecond
                + Math.max(work / RATE, (windows + results) / BYTES_PER_SECOND) + 2 * bands * LAUNCH;
    }

    /** The modelled time of a kernel over the table's rows, from the last column. */
    private static double ofTable(final String kernel) throws IOException {
        final String row = Files.readAllLines(TABLE).stream().filter(line -> line.startsWith("| `" + kernel + "`"))
                .findFirst().orElseThrow(() -> new IllegalStateException(TABLE + " has no row of " + kernel));
        final String[] cells = row.split("\\|");
        return Double.parseDouble(cells[cells.length - 1].strip()) * 1e-6;
    }

    /** How many convolutions there are. */
    int count() {
        return count;
    }

    /** Both ways side by side. */
    String report() {
        return String.format(Locale.ROOT, """
                | %d convolutions, %.1f TFLOP | by cuDNN | by unfolded windows |
                |---|---|---|
                | through memory, GB | %.1f | %.1f |
                | launches | %d | %d |
                | modelled, ms | %.1f | %.1f |
                """, count, operations * 1e-12, bytes * 1e-9, windowBytes * 1e-9, count, windowLaunches,
                seconds * 1e3, windowSeconds * 1e3);
    }

    /** Prints the report. */
    public static void main(final String... arguments) throws IOException {
        System.out.print(new ModelledDecode().report());
    }
}
