package io.qwenimage.backend.cuda;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * The time of one guided denoising step of the published model at 1024 x 1024 on an H100, both prompts in one batch:
 * kernels by the table of {@code kernels/PERFORMANCE.md}, matrix products at 80 % of the peak or by their bytes, and 2 us
 * for start and end of every launch. A model, not a measurement.
 */
final class ModelledStep {
    private static final double PEAK = 989e12;
    private static final double SHARE = 0.8;
    private static final double BYTES_PER_SECOND = 0.92 * 3352e9;
    /** What an H200 measured for joint attention over 4296 tokens; see kernels/LADDER.md. */
    private static final double ATTENTION = 694e12;
    private static final double LAUNCH = 2e-6;
    private static final int BLOCKS = 60;
    private static final int WIDTH = 3072;
    private static final int SEQUENCES = 2;
    private static final int IMAGE = 4096;
    private static final int TEXT = 200;
    private static final int TABLE_ROWS = 4296;
    private static final int BYTES = 2;
    private static final Path TABLE = Path.of("../kernels/PERFORMANCE.md");

    private final String table;
    private final Map<String, Double> seconds = new LinkedHashMap<>();
    private int launches;

    ModelledStep() throws IOException {
        table = Files.readString(TABLE);
        for (final int rows : new int[] {SEQUENCES * IMAGE, SEQUENCES * TEXT}) {
            product("query, key, value", rows, WIDTH, WIDTH, 3);
            product("attention's output", rows, WIDTH, WIDTH, 1);
            product("feed-forward", rows, WIDTH, 4 * WIDTH, 1);
            product("feed-forward", rows, 4 * WIDTH, WIDTH, 1);
            product("modulation", 1, WIDTH, 6 * WIDTH, 1);
            kernel("norm and modulation", "ada_layer_norm_bf16", rows, 2);
            kernel("gated sums", "gated_add_bf16", rows, 2);
        }
        final int tokens = IMAGE + TEXT;
        add("attention", SEQUENCES * 4.0 * tokens * tokens * WIDTH / ATTENTION + LAUNCH, 1);
        // Queries and keys as the table has them; values are read and written once.
        add("norm, rotation and joint order of heads", 2 * SEQUENCES * (ofTable("qk_norm_rope_bf16") - LAUNCH)
                + 2.0 * SEQUENCES * tokens * WIDTH * BYTES / BYTES_PER_SECOND + LAUNCH, 1);
        add("copies of text rows", 2 * (2.0 * TEXT * WIDTH * BYTES / BYTES_PER_SECOND + LAUNCH), 0);
    }

    private void product(final String part, final int rows, final int in, final int out, final int times) {
        final double flops = 2.0 * rows * in * out;
        final double bytes = (double) BYTES * ((double) rows * in + (double) in * out + (double) rows * out);
        add(part, times * (Math.max(flops / (SHARE * PEAK), bytes / BYTES_PER_SECOND) + LAUNCH), times);
    }

    private void kernel(final String part, final String name, final int rows, final int times) {
        add(part, times * ((ofTable(name) - LAUNCH) * rows / TABLE_ROWS + LAUNCH), times);
    }

    private void add(final String part, final double ofABlock, final int count) {
        seconds.merge(part, BLOCKS * ofABlock, Double::sum);
        launches += BLOCKS * count;
    }

    /** The modelled time of a kernel over the table's rows, from the last column. */
    private double ofTable(final String kernel) {
        final String row = table.lines().filter(line -> line.startsWith("| `" + kernel + "`")).findFirst()
                .orElseThrow(() -> new IllegalStateException(TABLE + " has no row of " + kernel));
        final String[] cells = row.split("\\|");
        return Double.parseDouble(cells[cells.length - 1].strip()) * 1e-6;
    }

    /** Launches of all blocks. */
    int launches() {
        return launches;
    }

    /** All parts together, in milliseconds. */
    double milliseconds() {
        return 1e3 * seconds.values().stream().mapToDouble(Double::doubleValue).sum();
    }

    /** One line for each part, as a table. */
    String report() {
        final StringBuilder lines = new StringBuilder("| part | ms |\n|---|---|\n");
        seconds.forEach((part, time) -> lines.append(String.format(Locale.ROOT, "| %s | %.1f |%n", part, 1e3 * time)));
        return lines.append(String.format(Locale.ROOT, "| together, %d launches | %.1f |%n", launches, milliseconds()))
                .toString();
    }

    /** Prints the report. */
    public static void main(final String... arguments) throws IOException {
        System.out.print(new ModelledStep().report());
    }
}
