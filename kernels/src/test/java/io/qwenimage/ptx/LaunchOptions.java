package io.qwenimage.ptx;

/**
 * How a launch is run.
 *
 * @param seed decides the order in which warps run and asynchronous copies land
 * @param threads threads of the host that run blocks in parallel
 * @param racesInspected whether races on shared memory are looked for; everything else always is
 * @param cluster blocks of a cluster in x, y and z; null for what the kernel asks for, else 1
 * @param blocks numbers of the clusters (of the blocks, without clusters) to run; null for all of the grid
 */
public record LaunchOptions(long seed, int threads, boolean racesInspected, int[] cluster, long[] blocks) {
    /** All inspection, seed 1, as many threads as there are processors. */
    public static LaunchOptions standard() {
        return new LaunchOptions(1, Runtime.getRuntime().availableProcessors(), true, null, null);
    }

    public LaunchOptions withSeed(final long newSeed) {
        return new LaunchOptions(newSeed, threads, racesInspected, cluster, blocks);
    }

    public LaunchOptions withThreads(final int newThreads) {
        return new LaunchOptions(seed, newThreads, racesInspected, cluster, blocks);
    }

    public LaunchOptions withRacesInspected(final boolean inspected) {
        return new LaunchOptions(seed, threads, inspected, cluster, blocks);
    }

    /** Cluster dimensions of the launch, as the launch attribute gives them. */
    public LaunchOptions withCluster(final int x, final int y, final int z) {
        return new LaunchOptions(seed, threads, racesInspected, new int[] {x, y, z}, blocks);
    }

    /** Runs only some of the grid's clusters, to measure representative blocks of a large launch. */
    public LaunchOptions withBlocks(final long... numbers) {
        return new LaunchOptions(seed, threads, racesInspected, cluster, numbers);
    }
}
