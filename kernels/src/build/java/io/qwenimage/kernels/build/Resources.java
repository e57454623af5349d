package io.qwenimage.kernels.build;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What one kernel takes of a multiprocessor, as the assembler reports it.
 *
 * @param registers         of a thread
 * @param staticSharedBytes of a block
 * @param localBytes        of a thread: its stack frame
 * @param spillBytes        stores plus loads of registers that did not fit
 * @param barriers          named barriers of a block
 * @param maxThreads        the largest block: what the kernel declares, or what its registers allow
 */
record Resources(int registers, int staticSharedBytes, int localBytes, int spillBytes, int barriers, int maxThreads) {
    private static final int LARGEST_BLOCK = 1024;
    private static final int REGISTERS_OF_A_MULTIPROCESSOR = 65536;
    private static final int REGISTER_UNIT = 8;
    private static final int WARP = 32;

    private static final Pattern ENTRY = Pattern.compile("Compiling entry function '([^']+)'");
    private static final Pattern FRAME = Pattern
            .compile("(\\d+) bytes stack frame, (\\d+) bytes spill stores, (\\d+) bytes spill loads");
    private static final Pattern USED = Pattern.compile("Used (\\d+) registers(?:, used (\\d+) barriers)?(.*)");
    private static final Pattern SHARED = Pattern.compile("(\\d+) bytes smem");
    private static final Pattern DECLARED = Pattern
            .compile("\\.entry\\s+(\\w+)\\s*\\([^)]*\\)([^{]*)\\{");
    private static final Pattern THREADS = Pattern
            .compile("\\.(?:max|req)ntid\\s+(\\d+)(?:,\\s*(\\d+))?(?:,\\s*(\\d+))?");

    /**
     * Reads the assembler's report ({@code --ptxas-options=-v}).
     *
     * @param ptx for the block sizes that kernels declare
     * @return resources by kernel, in the order of the report
     */
    static Map<String, Resources> read(final String log, final String ptx) {
        final Map<String, Integer> threads = declaredThreads(ptx);
        final Map<String, Resources> result = new LinkedHashMap<>();
        String entry = null;
        int local = 0;
        int spill = 0;
        for (final String line : log.lines().toList()) {
            final Matcher start = ENTRY.matcher(line);
            final Matcher frame = FRAME.matcher(line);
            final Matcher used = USED.matcher(line);
            if (start.find()) {
                entry = start.group(1);
            } else if (frame.find()) {
                local = Integer.parseInt(frame.group(1));
                spill = Integer.parseInt(frame.group(2)) + Integer.parseInt(frame.group(3));
            } else if (used.find() && entry != null) {
                final int registers = Integer.parseInt(used.group(1));
                final int barriers = used.group(2) == null ? 0 : Integer.parseInt(used.group(2));
                final Matcher shared = SHARED.matcher(used.group(3));
                final int sharedBytes = shared.find() ? Integer.parseInt(shared.group(1)) : 0;
                result.put(entry, new Resources(registers, sharedBytes, local, spill, barriers,
                        Math.min(threads.getOrDefault(entry, LARGEST_BLOCK), threadsFor(registers))));
            }
        }
        return result;
    }

    /** As a JSON object. */
    String json() {
        return "{\"registers\": " + registers + ", \"staticSharedBytes\": " + staticSharedBytes + ", \"localBytes\": "
                + localBytes + ", \"spillBytes\": " + spillBytes + ", \"barriers\": " + barriers
                + ", \"maxThreads\": " + maxThreads + "}";
    }

    private static int threadsFor(final int registers) {
        final int ofAWarp = Math.max(1, Math.ceilDiv(registers, REGISTER_UNIT)) * REGISTER_UNIT * WARP;
        return Math.min(LARGEST_BLOCK, REGISTERS_OF_A_MULTIPROCESSOR / ofAWarp * WARP);
    }

    private static Map<String, Integer> declaredThreads(final String ptx) {
        final Map<String, Integer> result = new LinkedHashMap<>();
        final Matcher entries = DECLARED.matcher(ptx);
        while (entries.find()) {
            final Matcher threads = THREADS.matcher(entries.group(2));
            if (threads.find()) {
                int product = 1;
                for (int axis = 1; axis <= threads.groupCount(); axis++) {
                    product *= threads.group(axis) == null ? 1 : Integer.parseInt(threads.group(axis));
                }
                result.put(entries.group(1), product);
            }
        }
        return result;
    }
}
