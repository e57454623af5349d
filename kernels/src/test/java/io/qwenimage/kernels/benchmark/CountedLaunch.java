package io.qwenimage.kernels.benchmark;

import io.qwenimage.ptx.LaunchOptions;
import io.qwenimage.ptx.PtxMachine;
import io.qwenimage.ptx.PtxProgram;
import io.qwenimage.ptx.counting.Counters;
import io.qwenimage.ptx.memory.DeviceMemory;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A launch as the product makes it, of which some blocks run on the PTX machine to be counted.
 *
 * @param module       the kernel's module
 * @param entry        its name
 * @param grid         blocks along x, y and z
 * @param block        threads of a block
 * @param dynamicBytes dynamic shared memory of a block
 * @param arguments    in order
 */
record CountedLaunch(String module, String entry, int[] grid, int block, int dynamicBytes,
                     List<LaunchArgument> arguments) {
    private static final String ARCHITECTURE = "sm_90a";
    private static final int WARP = 32;

    /**
     * What the assembler said of the kernel for Hopper, and what follows from it.
     *
     * @param registers     of a thread at the kernel's start
     * @param spillBytes    of a thread
     * @param sharedBytes   of a block, static and dynamic
     * @param residentWarps on a multiprocessor, by registers, shared memory and the most that it holds
     */
    record Figures(int registers, int spillBytes, int sharedBytes, int residentWarps) {
    }

    static CountedLaunch of(final String module, final String entry, final int gridX, final int gridY,
            final int block, final LaunchArgument... arguments) {
        return new CountedLaunch(module, entry, new int[] {gridX, gridY, 1}, block, 0, List.of(arguments));
    }

    long blocks() {
        return (long) grid[0] * grid[1] * grid[2];
    }

    int warps() {
        return block / WARP;
    }

    /** Runs these blocks of the grid; no finding is tolerated. Races are what the kernels' own tests look for. */
    Counters run(final long... numbers) {
        final DeviceMemory memory = new DeviceMemory();
        final PtxProgram program = PtxProgram.load(text(module + "." + ARCHITECTURE + ".ptx"), memory);
        final int[] layout = program.parameterLayout(entry);
        final byte[] packed = new byte[layout[layout.length - 1]];
        for (int i = 0; i < arguments.size(); i++) {
            final byte[] bytes = arguments.get(i).bytes().apply(memory);
            System.arraycopy(bytes, 0, packed, layout[i], bytes.length);
        }
        return PtxMachine.launch(program, entry, grid, new int[] {block, 1, 1}, dynamicBytes, packed,
                LaunchOptions.standard().withRacesInspected(false).withBlocks(numbers)).requireClean().counters();
    }

    Figures figures() {
        final String json = text(module + ".json");
        final String ofHopper = json.substring(json.indexOf("\"" + ARCHITECTURE + "\""));
        final int at = ofHopper.indexOf("\"" + entry + "\"");
        final String figures = ofHopper.substring(at, ofHopper.indexOf('}', at));
        final int registers = figure(figures, "registers");
        final int shared = figure(figures, "staticSharedBytes") + dynamicBytes;
        return new Figures(registers, figure(figures, "spillBytes"), shared,
                HopperModel.residentWarps(warps(), registers, shared));
    }

    private static int figure(final String figures, final String name) {
        final Matcher matcher = Pattern.compile("\"" + name + "\": (\\d+)").matcher(figures);
        if (!matcher.find()) {
            throw new IllegalStateException("no " + name + " in " + figures);
        }
        return Integer.parseInt(matcher.group(1));
    }

    private static String text(final String name) {
        try (InputStream stream = CountedLaunch.class.getResourceAsStream("/io/qwenimage/kernels/images/" + name)) {
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
