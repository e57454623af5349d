package io.qwenimage.ptx.counting;

/** Raw counts by instruction, kept by one thread of the host while it runs blocks. Indexed by instruction id. */
public final class CounterSheet {
    public final long[] warpExecutions;
    public final long[] laneExecutions;
    public final long[] requests;
    public final long[] sectors;
    public final long[] idealSectors;
    public final long[] wavefronts;
    public final long[] idealWavefronts;
    public final long[] bytes;
    public final long[] multiplyAdds;

    public CounterSheet(final int instructions) {
        warpExecutions = new long[instructions];
        laneExecutions = new long[instructions];
        requests = new long[instructions];
        sectors = new long[instructions];
        idealSectors = new long[instructions];
        wavefronts = new long[instructions];
        idealWavefronts = new long[instructions];
        bytes = new long[instructions];
        multiplyAdds = new long[instructions];
    }

    public void add(final CounterSheet other) {
        add(warpExecutions, other.warpExecutions);
        add(laneExecutions, other.laneExecutions);
        add(requests, other.requests);
        add(sectors, other.sectors);
        add(idealSectors, other.idealSectors);
        add(wavefronts, other.wavefronts);
        add(idealWavefronts, other.idealWavefronts);
        add(bytes, other.bytes);
        add(multiplyAdds, other.multiplyAdds);
    }

    private static void add(final long[] sum, final long[] addend) {
        for (int i = 0; i < sum.length; i++) {
            sum[i] += addend[i];
        }
    }
}
