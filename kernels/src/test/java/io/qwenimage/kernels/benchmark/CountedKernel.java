package io.qwenimage.kernels.benchmark;

import io.qwenimage.ptx.LaunchOptions;
import io.qwenimage.ptx.PtxMachine;
import io.qwenimage.ptx.PtxProgram;
import io.qwenimage.ptx.counting.Counters;
import io.qwenimage.ptx.counting.InstructionClass;
import io.qwenimage.ptx.counting.LineCount;
import io.qwenimage.ptx.memory.DeviceMemory;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A kernel at a shape of the product, of which some blocks run on the PTX machine to be counted.
 *
 * @param module     its module
 * @param entry      its name
 * @param shape      and where it occurs
 * @param grid       blocks of the launch along x and y
 * @param block      threads of a block
 * @param arguments  of the launch, in order: sizes of buffers, and numbers
 * @param blockBytes that a full block must move at least: what it alone reads, and what it writes
 * @param mostMoved  how many times that it may move, by what is common to blocks and comes from a cache
 */
record CountedKernel(String module, String entry, String shape, int[] grid, int block, List<Argument> arguments,
                     double blockBytes, double mostMoved) {
    private static final String ARCHITECTURE = "sm_90a";
    private static final int SECTOR = 32;
    private static final int BLOCKS = 3;
    private static final int WARP = 32;

    /** A buffer of so many bytes, or a number as it lies among the arguments. */
    record Argument(long bufferBytes, ByteBuffer number) {
        static Argument buffer(final long bytes) {
            return new Argument(bytes, null);
        }

        static Argument nothing() {
            return i64(0);
        }

        static Argument i32(final int value) {
            return new Argument(0, bytes(Integer.BYTES).putInt(0, value));
        }

        static Argument i64(final long value) {
            return new Argument(0, bytes(Long.BYTES).putLong(0, value));
        }

        static Argument f32(final float value) {
            return new Argument(0, bytes(Float.BYTES).putFloat(0, value));
        }

        private static ByteBuffer bytes(final int count) {
            return ByteBuffer.allocate(count).order(ByteOrder.LITTLE_ENDIAN);
        }
    }

    /**
     * What was counted in a block.
     *
     * @param requests       of warps to global memory
     * @param sectors        that they touched
     * @param idealSectors   that as many bytes need
     * @param conflicts      passes through shared memory beyond what no layout could save
     * @param instructions   of warps
     * @param registers      of a thread
     * @param spillBytes     of a thread
     * @param sharedBytes    of a block
     * @param residentWarps  on a multiprocessor, by registers, shared memory and the most that it holds
     */
    record Counted(double requests, double sectors, double idealSectors, double conflicts, double instructions,
                   int registers, int spillBytes, int sharedBytes, int residentWarps) {
    }

    /** Bytes that a block moves between caches and multiprocessor, against those that it must. */
    double moved(final Counted counted) {
        return counted.sectors() * SECTOR / blockBytes;
    }

    long blocks() {
        return (long) grid[0] * grid[1];
    }

    /** Runs three blocks, the first and two from within the grid. */
    Counted count() {
        final DeviceMemory memory = new DeviceMemory();
        final PtxProgram program = PtxProgram.load(text(module + "." + ARCHITECTURE + ".ptx"), memory);
        final int[] layout = program.parameterLayout(entry);
        final ByteBuffer packed = ByteBuffer.allocate(layout[layout.length - 1] + Long.BYTES)
                .order(ByteOrder.LITTLE_ENDIAN);
        int end = 0;
        for (int i = 0; i < arguments.size(); i++) {
            final Argument argument = arguments.get(i);
            final int size = argument.number() == null ? Long.BYTES : argument.number().capacity();
            end = Math.ceilDiv(end, size) * size;
            if (argument.number() == null) {
                packed.putLong(end, memory.place(new byte[Math.toIntExact(argument.bufferBytes())],
                        DeviceMemory.ALIGNMENT, "argument " + i, false));
            } else {
                packed.put(end, argument.number().array());
            }
            end += size;
        }
        final byte[] bytes = new byte[end];
        packed.get(0, bytes);
        final Counters counters = PtxMachine.launch(program, entry, new int[] {grid[0], grid[1], 1},
                new int[] {block, 1, 1}, 0, bytes,
                LaunchOptions.standard().withBlocks(0, blocks() / BLOCKS, 2 * blocks() / BLOCKS)).requireClean()
                .counters();
        return counted(counters);
    }

    private Counted counted(final Counters counters) {
        final LineCount global = counters.sum(line -> line.instructionClass() == InstructionClass.LOAD_GLOBAL
                || line.instructionClass() == InstructionClass.STORE_GLOBAL);
        final LineCount shared = counters.sum(line -> line.instructionClass() == InstructionClass.LOAD_SHARED
                || line.instructionClass() == InstructionClass.STORE_SHARED);
        final String figures = figures();
        final int registers = figure(figures, "registers");
        final int sharedBytes = figure(figures, "staticSharedBytes");
        return new Counted((double) global.requests() / BLOCKS, (double) global.sectors() / BLOCKS,
                (double) global.idealSectors() / BLOCKS, (double) shared.bankConflicts() / BLOCKS,
                (double) counters.total().warpInstructions() / BLOCKS, registers, figure(figures, "spillBytes"),
                sharedBytes, HopperModel.residentWarps(block / WARP, registers, sharedBytes));
    }

    /** What the assembler said of the kernel for Hopper. */
    private String figures() {
        final String json = text(module + ".json");
        final String ofHopper = json.substring(json.indexOf("\"" + ARCHITECTURE + "\""));
        final int at = ofHopper.indexOf("\"" + entry + "\"");
        return ofHopper.substring(at, ofHopper.indexOf('}', at));
    }

    private static int figure(final String figures, final String name) {
        final Matcher matcher = Pattern.compile("\"" + name + "\": (\\d+)").matcher(figures);
        if (!matcher.find()) {
            throw new IllegalStateException("no " + name + " in " + figures);
        }
        return Integer.parseInt(matcher.group(1));
    }

    private static String text(final String name) {
        try (InputStream stream = CountedKernel.class.getResourceAsStream("/io/qwenimage/kernels/images/" + name)) {
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A line of the table. */
    String line(final Counted counted) {
        return String.format(Locale.ROOT, "| `%s` | %s | %d | %d | %d | %d | %.0f / %.0f | %.0f | %.2f | %.1f |", entry,
                shape, counted.registers(), counted.spillBytes(), counted.sharedBytes(), counted.residentWarps(),
                counted.sectors(), counted.idealSectors(), counted.conflicts(), moved(counted),
                HopperModel.microseconds(blocks(), blockBytes, moved(counted), counted.instructions()));
    }

    @Override
    public String toString() {
        return entry + " " + shape;
    }

    static List<Argument> arguments(final Argument... arguments) {
        return List.of(arguments);
    }
}
