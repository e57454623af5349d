package io.qwenimage.pipeline;

import io.qwenimage.backend.LayerPlan;
import io.qwenimage.kernels.driver.MemoryPool;
import io.qwenimage.model.qwenimage.QwenImageResidency;
import java.util.Locale;

/**
 * A guided step of the published model on an H100 when some of its blocks are streamed over PCIe 5: how long copies
 * take, and how much longer the step is for them. A model, not a measurement. Of computing only matrix products at 80 %
 * of the peak and attention as an H200 measured it are counted; whatever else a step does gives copies more time.
 */
final class ModelledStreaming {
    static final int BLOCKS = 60;
    /** Of memory that is page-locked, as PCIe 5 with 16 lanes is commonly measured. */
    private static final double BUS_BYTES_PER_SECOND = 55e9;
    private static final double PRODUCTS = 0.8 * 989e12;
    private static final double ATTENTION = 694e12;
    private static final long WIDTH = 3072;
    private static final long TEXT_WIDTH = 3584;
    private static final int PROMPTS = 2;
    private static final int TEXT = 200;
    private static final int BYTES = 2;
    /** Squares of the width in a block's matrices: eight of attention, and two streams' feed-forward layers. */
    private static final int SQUARES = 24;
    private static final int[] STREAMED = {0, 10, 20, 24, 30, 40, 60};

    private ModelledStreaming() {
    }

    /** The sizes of the published denoiser. */
    static DenoiserWeights published() {
        final long attention = 8 * linear(WIDTH, WIDTH) + 4 * vector(128);
        final long feedForward = 2 * (linear(WIDTH, 4 * WIDTH) + linear(4 * WIDTH, WIDTH));
        final long rest = linear(64, WIDTH) + linear(TEXT_WIDTH, WIDTH) + vector(TEXT_WIDTH) + linear(256, WIDTH)
                + linear(WIDTH, WIDTH) + linear(WIDTH, 2 * WIDTH) + linear(WIDTH, 64);
        return new DenoiserWeights(BLOCKS, attention + feedForward, 2 * linear(WIDTH, 6 * WIDTH), rest,
                MemoryPool::blockBytes);
    }

    private static long linear(final long in, final long out) {
        return vector(in * out) + vector(out);
    }

    private static long vector(final long elements) {
        return MemoryPool.blockBytes(elements * BYTES);
    }

    /** What one block of a guided step computes, in seconds, for a square picture. */
    static double computing(final int side) {
        final double image = Math.pow(side / 16.0, 2);
        final double products = 2.0 * PROMPTS * (image + TEXT) * SQUARES / 2 * WIDTH * WIDTH;
        final double attention = PROMPTS * 4.0 * Math.pow(image + TEXT, 2) * WIDTH;
        return products / PRODUCTS + attention / ATTENTION;
    }

    /** What copying a block takes, in seconds. */
    static double copying() {
        return published().block() / BUS_BYTES_PER_SECOND;
    }

    /** A step's time in seconds: copies one after the other beside blocks one after the other, ordered as slots are. */
    static double step(final LayerPlan plan, final int side) {
        final double[] copied = new double[plan.streamed()];
        final double[] released = new double[plan.streamed()];
        double now = 0;
        for (int layer = 0; layer < plan.layers(); layer++) {
            final int order = plan.streamedUpTo(layer);
            if (plan.isStreamed(layer)) {
                final double free = order < plan.slots() ? 0 : released[order - plan.slots()];
                copied[order] = Math.max(order == 0 ? 0 : copied[order - 1], free) + copying();
                now = Math.max(now, copied[order]);
            }
            now += computing(side);
            if (plan.isStreamed(layer)) {
                released[order] = now;
            }
        }
        return now;
    }

    /** How much of the copies' time a step is not longer for. */
    static double hidden(final LayerPlan plan, final int side) {
        return 1 - (step(plan, side) - BLOCKS * computing(side)) / (plan.streamed() * copying());
    }

    static LayerPlan plan(final int streamed, final int slots) {
        return new LayerPlan(BLOCKS, streamed, slots, published().block());
    }

    /** One line for each number of streamed blocks, as a table. */
    static String report() {
        final DenoiserWeights weights = published();
        final StringBuilder lines = new StringBuilder("""
                | streamed blocks | denoiser on the device, GiB | page-locked, GiB | copied a step, GB | copies, ms | \
                step of 1024x1024, ms | hidden | step of 2048x2048, ms | hidden |
                |---|---|---|---|---|---|---|---|---|
                """);
        for (final int streamed : STREAMED) {
            final LayerPlan plan = plan(streamed, 2);
            final QwenImageResidency residency = new QwenImageResidency(plan,
                    new LayerPlan(BLOCKS, BLOCKS, 1, weights.modulation()));
            lines.append(String.format(Locale.ROOT, "| %d | %.1f | %.1f | %.1f | %.0f | %.0f | %s | %.0f | %s |%n",
                    streamed, gibibytes(weights.taken(residency)), gibibytes(weights.pageLocked(residency)),
                    streamed * weights.block() / 1e9, 1e3 * streamed * copying(), 1e3 * step(plan, 1024),
                    share(plan, 1024), 1e3 * step(plan, 2048), share(plan, 2048)));
        }
        return lines.toString();
    }

    private static String share(final LayerPlan plan, final int side) {
        return plan.streamed() == 0 ? "" : String.format(Locale.ROOT, "%.0f %%", 100 * hidden(plan, side));
    }

    private static double gibibytes(final long bytes) {
        return bytes / (double) (1 << 30);
    }

    /** Prints the report. */
    public static void main(final String... arguments) {
        System.out.print(report());
        for (int side = 1024; side <= 2048; side += 1024) {
            for (int slots = 1; slots <= 3; slots++) {
                for (int streamed = 5; streamed <= BLOCKS; streamed += 5) {
                    System.out.printf(Locale.ROOT, "%d, %d slots, %d streamed: %.1f ms, %.1f %%%n", side, slots,
                            streamed, 1e3 * step(plan(streamed, slots), side), 100 * hidden(plan(streamed, slots), side));
                }
            }
        }
    }
}
