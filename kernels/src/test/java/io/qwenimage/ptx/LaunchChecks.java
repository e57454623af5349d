package io.qwenimage.ptx;

import io.qwenimage.ptx.instruction.DecodedKernel;
import java.util.Arrays;

/** What a device refuses before a kernel starts. */
final class LaunchChecks {
    private static final int MOST_THREADS = 1024;
    private static final int MOST_SHARED_BYTES = 227 << 10;
    private static final int[] MOST_BLOCK = {1024, 1024, 64};
    private static final int[] MOST_GRID = {Integer.MAX_VALUE, 65535, 65535};

    private LaunchChecks() {
    }

    static void check(final DecodedKernel kernel, final int[] grid, final int[] block, final int[] cluster,
                      final int dynamicSharedBytes, final byte[] argumentBytes) {
        for (int axis = 0; axis < 3; axis++) {
            require(grid[axis] >= 1 && grid[axis] <= MOST_GRID[axis], kernel, "grid " + Arrays.toString(grid));
            require(block[axis] >= 1 && block[axis] <= MOST_BLOCK[axis], kernel, "block " + Arrays.toString(block));
            require(cluster[axis] >= 1 && grid[axis] % cluster[axis] == 0, kernel,
                "grid " + Arrays.toString(grid) + " is not a multiple of cluster " + Arrays.toString(cluster));
        }
        final long threads = (long) block[0] * block[1] * block[2];
        require(threads <= MOST_THREADS, kernel, "block " + Arrays.toString(block) + " has more than 1024 threads");
        require((long) cluster[0] * cluster[1] * cluster[2] <= 16, kernel,
            "cluster " + Arrays.toString(cluster) + " has more than 16 blocks");
        final int[] most = kernel.limits().maximumThreads();
        require(most == null || threads <= (long) most[0] * most[1] * most[2], kernel,
            "block " + Arrays.toString(block) + " has more threads than .maxntid " + Arrays.toString(most));
        final int[] required = kernel.limits().requiredThreads();
        require(required == null || Arrays.equals(required, block), kernel,
            "block " + Arrays.toString(block) + " is not .reqntid " + Arrays.toString(required));
        final int[] requiredCluster = kernel.limits().requiredCluster();
        require(requiredCluster == null || Arrays.equals(requiredCluster, cluster), kernel,
            "cluster " + Arrays.toString(cluster) + " is not .reqnctapercluster " + Arrays.toString(requiredCluster));
        final long shared = (long) kernel.staticSharedBytes() + dynamicSharedBytes;
        require(dynamicSharedBytes >= 0 && shared <= MOST_SHARED_BYTES, kernel, shared
            + " bytes of shared memory, of which " + MOST_SHARED_BYTES + " can be had");
        require(argumentBytes.length == kernel.parameterBytes(), kernel, argumentBytes.length
            + " bytes of arguments where its parameters take " + kernel.parameterBytes());
    }

    private static void require(final boolean condition, final DecodedKernel kernel, final String problem) {
        if (!condition) {
            throw new IllegalArgumentException("kernel " + kernel.name() + " cannot be launched: " + problem);
        }
    }
}
