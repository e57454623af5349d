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
    /** Of a long prompt, without the template's prefix. */
    private static final int PROMPT = 200;
    /** Of " ", which pipelines take unless told otherwise: its own, and the five that end the template. */
    static final int USUAL_NEGATIVE = 6;
    private static final int WIDTH = 3072;
    private static final int IMAGE = 4096;
    private static final int STEPS = 50;
    /** Rows of both prompts and their pictures in the table of kernels. */
    private static final int TABLE_ROWS = 2 * (IMAGE + 200);
    private static final int BYTES = 2;
    private static final Path TABLE = Path.of("../kernels/PERFORMANCE.md");

    private final String table;
    private final Map<String, Double> seconds = new LinkedHashMap<>();
    private int launches;

    /**
     * Models a step.
     *
     * @param prompt   tokens
     * @param negative tokens
     */
    ModelledStep(final int prompt, final int negative) throws IOException {
        table = Files.readString(TABLE);
        final int pictures = 2 * IMAGE;
        final int texts = prompt + negative;
        for (final int rows : new int[] {pictures, texts}) {
            // Nothing reads the text after the last block.
            final int outputs = rows == pictures ? BLOCKS : BLOCKS - 1;
            product("query, key, value", rows, WIDTH, WIDTH, 3 * BLOCKS);
            product("attention's output", rows, WIDTH, WIDTH, outputs);
            product("feed-forward", rows, WIDTH, 4 * WIDTH, outputs);
            product("feed-forward", rows, 4 * WIDTH, WIDTH, outputs);
        }
        kernel("gated sums and norms, both streams", "gated_add_ada_layer_norm_bf16", pictures + texts,
                2 * (BLOCKS - 1));
        kernel("gated sums and norms, both streams", "gated_add_ada_layer_norm_bf16", pictures, 2);
        for (final int rows : new int[] {pictures, texts}) {
            // The table has half as many rows of this one.
            add("norms before the first block", 2 * (ofTable("ada_layer_norm_bf16") - LAUNCH) * rows / TABLE_ROWS
                    + LAUNCH, 1, 1);
        }
        double scores = 0;
        for (final int text : new int[] {prompt, negative}) {
            scores += 4 * Math.pow(IMAGE + text, 2) * WIDTH;
        }
        add("attention", scores / ATTENTION + LAUNCH, BLOCKS, BLOCKS);
        kernel("norm, rotation and joint order of heads", "qk_norm_rope_joint_bf16", pictures + texts, BLOCKS);
        for (final int text : new int[] {prompt, negative}) {
            add("copies of text rows", 2.0 * text * WIDTH * BYTES / BYTES_PER_SECOND + LAUNCH, BLOCKS - 1, 0);
        }
        final double rows = STEPS;
        final double bytes = BYTES * ((6 * WIDTH + rows) * WIDTH + 3 * rows * 6 * WIDTH);
        add("modulation, a fiftieth of a request's", (bytes / BYTES_PER_SECOND + 2 * LAUNCH) / STEPS, 2 * BLOCKS, 0);
    }

    private void product(final String part, final int rows, final int in, final int out, final int times) {
        final double flops = 2.0 * rows * in * out;
        final double bytes = (double) BYTES * ((double) rows * in + (double) in * out + (double) rows * out);
        add(part, Math.max(flops / (SHARE * PEAK), bytes / BYTES_PER_SECOND) + LAUNCH, times, times);
    }

    private void kernel(final String part, final String name, final int rows, final int times) {
        add(part, (ofTable(name) - LAUNCH) * rows / TABLE_ROWS + LAUNCH, times, times);
    }

    private void add(final String part, final double time, final int times, final int count) {
        seconds.merge(part, times * time, Double::sum);
        launches += count;
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

    /** One line for each part and a column for each pair of prompts, as a table. */
    static String report() throws IOException {
        final ModelledStep both = new ModelledStep(PROMPT, PROMPT);
        final ModelledStep usual = new ModelledStep(PROMPT, USUAL_NEGATIVE);
        final StringBuilder lines = new StringBuilder(String.format(Locale.ROOT,
                "| part | %d and %d tokens, ms | %d and %d tokens, ms |%n|---|---|---|%n", PROMPT, PROMPT, PROMPT,
                USUAL_NEGATIVE));
        both.seconds.forEach((part, time) -> lines.append(String.format(Locale.ROOT, "| %s | %.1f | %.1f |%n", part,
                1e3 * time, 1e3 * usual.seconds.get(part))));
        return lines.append(String.format(Locale.ROOT, "| together, %d launches | %.1f | %.1f |%n", both.launches,
                both.milliseconds(), usual.milliseconds())).toString();
    }

    /** Prints the report. */
    public static void main(final String... arguments) throws IOException {
        System.out.print(report());
    }
}
