package io.qwenimage.kernels.driver;

/**
 * How many blocks of how many threads a kernel is launched with.
 *
 * @param gridX blocks along x, 1 to 2^31 - 1
 * @param gridY blocks along y, 1 to 65535
 * @param gridZ blocks along z, 1 to 65535
 * @param blockX threads of a block along x
 * @param blockY threads of a block along y
 * @param blockZ threads of a block along z
 * @param dynamicSharedBytes shared memory of a block beyond what the kernel declares
 * @param clusterX blocks of a cluster along x; 1 unless the launch, and not the kernel, decides on clusters
 */
public record LaunchGeometry(int gridX, int gridY, int gridZ, int blockX, int blockY, int blockZ,
                             int dynamicSharedBytes, int clusterX) {
    /** Limits that hold for every device since compute capability 3.0. */
    private static final int MAXIMUM_GRID_YZ = 65535;
    private static final int MAXIMUM_THREADS = 1024;
    private static final int MAXIMUM_BLOCK_Z = 64;

    /** Checks the limits that every device has. */
    public LaunchGeometry {
        if (gridX < 1 || gridY < 1 || gridZ < 1 || gridY > MAXIMUM_GRID_YZ || gridZ > MAXIMUM_GRID_YZ) {
            throw new IllegalArgumentException("grid " + gridX + " x " + gridY + " x " + gridZ
                    + " is outside of 1 to 2147483647 x 65535 x 65535 blocks");
        }
        if (blockX < 1 || blockY < 1 || blockZ < 1 || blockZ > MAXIMUM_BLOCK_Z
                || (long) blockX * blockY * blockZ > MAXIMUM_THREADS) {
            throw new IllegalArgumentException("block " + blockX + " x " + blockY + " x " + blockZ
                    + " is outside of 1 to 1024 threads, at most 64 along z");
        }
        if (dynamicSharedBytes < 0) {
            throw new IllegalArgumentException("dynamic shared memory of " + dynamicSharedBytes + " bytes");
        }
        if (clusterX < 1 || gridX % clusterX != 0) {
            throw new IllegalArgumentException("grid of " + gridX + " blocks along x does not divide into clusters of "
                    + clusterX);
        }
    }

    /** A grid of one-dimensional blocks. */
    public static LaunchGeometry of(final long gridX, final long gridY, final long gridZ, final int blockX,
                                    final int dynamicSharedBytes) {
        return new LaunchGeometry(toCount("x", gridX), toCount("y", gridY), toCount("z", gridZ), blockX, 1, 1,
                dynamicSharedBytes, 1);
    }

    /** A row of one-dimensional blocks without dynamic shared memory. */
    public static LaunchGeometry of(final long gridX, final int blockX) {
        return of(gridX, 1, 1, blockX, 0);
    }

    /** The same with blocks of more than one dimension. */
    public LaunchGeometry withBlock(final int x, final int y, final int z) {
        return new LaunchGeometry(gridX, gridY, gridZ, x, y, z, dynamicSharedBytes, clusterX);
    }

    /** The same with clusters of so many blocks along x; for compute capability 9.0 and later. */
    public LaunchGeometry withCluster(final int blocks) {
        return new LaunchGeometry(gridX, gridY, gridZ, blockX, blockY, blockZ, dynamicSharedBytes, blocks);
    }

    /** Threads of a block. */
    public int threads() {
        return blockX * blockY * blockZ;
    }

    private static int toCount(final String axis, final long blocks) {
        if (blocks > Integer.MAX_VALUE) {
            throw new IllegalArgumentException(blocks + " blocks along " + axis + " are more than 2147483647");
        }
        return (int) blocks;
    }

    @Override
    public String toString() {
        return "grid " + gridX + " x " + gridY + " x " + gridZ + ", block " + blockX + " x " + blockY + " x " + blockZ
                + ", " + dynamicSharedBytes + " bytes of dynamic shared memory"
                + (clusterX == 1 ? "" : ", clusters of " + clusterX);
    }
}
