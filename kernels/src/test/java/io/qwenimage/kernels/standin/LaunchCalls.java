package io.qwenimage.kernels.standin;

import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import jcuda.driver.CUresult;

/** Launches and what limits them. */
final class LaunchCalls {
    static final int THREADS_PER_BLOCK = 1024;
    static final int WARP = 32;
    private static final int BLOCK_Z = 64;
    private static final int GRID_YZ = 65535;
    private static final int CLUSTER_ATTRIBUTE = 4;
    private static final int CLUSTER_BLOCKS = 8;
    private static final int REGISTER_UNIT = 8;
    private static final int ATTRIBUTE_BYTES = 72;

    private final StandIn standIn;

    LaunchCalls(final StandIn standIn) {
        this.standIn = standIn;
    }

    Map<String, Call> calls() {
        final Map<String, Call> calls = new HashMap<>();
        calls.put("cuLaunchKernel", Call.of(this::launch));
        calls.put("cuLaunchKernelEx", Call.of(this::launchExtended));
        calls.put("cuOccupancyMaxActiveBlocksPerMultiprocessor", Call.of(arguments -> arguments.pointer(0).setInt(0,
                residentBlocks(standIn.modules().functionOf(arguments.word(1)), arguments.number(2),
                        (int) arguments.word(3)))));
        return calls;
    }

    private void launch(final Arguments arguments) {
        final PosedFunction function = standIn.modules().functionOf(arguments.word(0));
        final int[] grid = {arguments.number(1), arguments.number(2), arguments.number(3)};
        final int[] block = {arguments.number(4), arguments.number(5), arguments.number(6)};
        final PosedStream stream = session().stream(arguments.word(8));
        put(stream, function, grid, block, arguments.number(7), new int[] {1, 1, 1}, false,
                parameters(function, arguments.pointer(9), arguments.pointer(10)));
    }

    /** {@code CUlaunchConfig} at the first argument, then kernel, parameters, extra. */
    private void launchExtended(final Arguments arguments) {
        final Pointer configuration = arguments.pointer(0);
        final PosedFunction function = standIn.modules().functionOf(arguments.word(1));
        final PosedStream stream = session().stream(configuration.getLong(32));
        final int[] cluster = {1, 1, 1};
        boolean clustered = false;
        for (int index = 0; index < configuration.getInt(48); index++) {
            final Pointer attribute = configuration.getPointer(40).share((long) ATTRIBUTE_BYTES * index);
            if (attribute.getInt(0) != CLUSTER_ATTRIBUTE) {
                throw new Refusal(CUresult.CUDA_ERROR_NOT_SUPPORTED, "launch attribute " + attribute.getInt(0)
                        + ", which the stand-in does not know");
            }
            System.arraycopy(attribute.getIntArray(8, 3), 0, cluster, 0, 3);
            clustered = true;
        }
        put(stream, function, configuration.getIntArray(0, 3), configuration.getIntArray(12, 3),
                configuration.getInt(24),
                cluster, clustered, parameters(function, arguments.pointer(2), arguments.pointer(3)));
    }

    private void put(final PosedStream stream, final PosedFunction function, final int[] grid, final int[] block,
                     final int dynamicSharedBytes, final int[] cluster, final boolean clustered,
                     final byte[] parameters) {
        final int[] declared = function.kernel().limits().requiredCluster();
        final int[] clusters = clustered || declared == null ? cluster : declared.clone();
        requireGeometry(function, grid, block);
        requireResources(function, block, dynamicSharedBytes);
        requireClusters(function, grid, clusters);
        if (!stream.isCapturing()) {
            session().books().launched();
        }
        stream.put(new KernelLaunch(session(), standIn.machine(), function, grid, block, clusters, dynamicSharedBytes,
                parameters));
    }

    private static void requireGeometry(final PosedFunction function, final int[] grid, final int[] block) {
        final String name = function.kernel().name();
        if (grid[0] < 1 || grid[1] < 1 || grid[2] < 1 || grid[1] > GRID_YZ || grid[2] > GRID_YZ) {
            throw new Refusal(CUresult.CUDA_ERROR_INVALID_VALUE, "a grid of " + triple(grid) + " blocks for " + name);
        }
        if (block[0] < 1 || block[1] < 1 || block[2] < 1 || block[2] > BLOCK_Z || threads(block) > THREADS_PER_BLOCK) {
            throw new Refusal(CUresult.CUDA_ERROR_INVALID_VALUE, "a block of " + triple(block) + " threads for "
                    + name);
        }
        final int[] required = function.kernel().limits().requiredThreads();
        if (required != null && !Arrays.equals(required, block)) {
            throw new Refusal(CUresult.CUDA_ERROR_INVALID_VALUE, "a block of " + triple(block) + " threads for " + name
                    + ", which was compiled for " + triple(required));
        }
    }

    private static void requireResources(final PosedFunction function, final int[] block,
            final int dynamicSharedBytes) {
        final String name = function.kernel().name();
        final int warps = Math.toIntExact(Math.ceilDiv(threads(block), WARP));
        if (threads(block) > function.figures().maximumThreads()
                || warps * registersOfWarp(function) > PosedDevice.REGISTERS_PER_BLOCK) {
            throw new Refusal(CUresult.CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, threads(block) + " threads of "
                    + function.figures().registers() + " registers for " + name + ", which can have "
                    + function.figures().maximumThreads() + " threads in a block");
        }
        if (dynamicSharedBytes < 0 || dynamicSharedBytes > function.dynamicSharedLimit()) {
            throw new Refusal(CUresult.CUDA_ERROR_INVALID_VALUE, dynamicSharedBytes
                    + " bytes of dynamic shared memory for "
                    + name + ", which was allowed " + function.dynamicSharedLimit());
        }
    }

    private static void requireClusters(final PosedFunction function, final int[] grid, final int[] cluster) {
        final boolean divides = grid[0] % cluster[0] == 0 && grid[1] % cluster[1] == 0 && grid[2] % cluster[2] == 0;
        final long blocks = threads(cluster);
        final boolean possible = blocks == 1 || blocks <= CLUSTER_BLOCKS
                && function.module().context().device().capability().isAtLeast(9, 0);
        if (!divides || !possible) {
            throw new Refusal(CUresult.CUDA_ERROR_INVALID_VALUE, "clusters of " + triple(cluster) + " blocks for "
                    + function.kernel().name() + " in a grid of " + triple(grid));
        }
    }

    /** Arguments are copied by the call itself. */
    private static byte[] parameters(final PosedFunction function, final Pointer pointers, final Pointer extra) {
        final int expected = function.kernel().parameterBytes();
        if (extra != null) {
            Pointer buffer = null;
            long bytes = -1;
            for (long at = 0; extra.getLong(at) != 0; at += 2L * Native.POINTER_SIZE) {
                final Pointer value = extra.getPointer(at + Native.POINTER_SIZE);
                if (extra.getLong(at) == 1) {
                    buffer = value;
                } else {
                    bytes = value.getLong(0);
                }
            }
            if (bytes != expected) {
                throw new Refusal(CUresult.CUDA_ERROR_INVALID_VALUE, bytes + " bytes of arguments for "
                        + function.kernel().name() + ", which takes " + expected);
            }
            return expected == 0 ? new byte[0] : unpack(function, buffer, expected);
        }
        return gather(function, pointers, expected);
    }

    /** A packed buffer is read as the image has it: behind a gap that the packing lacks everything is shifted. */
    private static byte[] unpack(final PosedFunction function, final Pointer buffer, final int bytes) {
        final byte[] parameters = new byte[bytes];
        final int[] offsets = function.kernel().parameterOffsets();
        for (int index = 0; index < offsets.length; index++) {
            final int from = function.imageOffsets()[index];
            final int length = Math.min(function.kernel().parameters().get(index).bytes(), bytes - from);
            if (length > 0) {
                buffer.read(from, parameters, offsets[index], length);
            }
        }
        return parameters;
    }

    private static byte[] gather(final PosedFunction function, final Pointer pointers, final int bytes) {
        final byte[] packed = new byte[bytes];
        final int[] offsets = function.kernel().parameterOffsets();
        if (offsets.length > 0 && pointers == null) {
            throw new Refusal(CUresult.CUDA_ERROR_INVALID_VALUE, "no arguments for " + function.kernel().name());
        }
        for (int index = 0; index < offsets.length; index++) {
            pointers.getPointer((long) Native.POINTER_SIZE * index).read(0, packed, offsets[index],
                    function.kernel().parameters().get(index).bytes());
        }
        return packed;
    }

    /**
     * As the occupancy calculator of the toolkit has it: registers by warp, shared memory by block with 1 KiB of the
     * system.
     */
    private static int residentBlocks(final PosedFunction function, final int threads, final int dynamicSharedBytes) {
        final PosedDevice device = function.module().context().device();
        final int warps = Math.ceilDiv(threads, WARP);
        final int byThreads = device.threadsPerMultiprocessor() / (warps * WARP);
        final int byRegisters = PosedDevice.REGISTERS_PER_BLOCK / (warps * registersOfWarp(function));
        final int shared = function.figures().staticSharedBytes() + dynamicSharedBytes
                + PosedDevice.SHARED_BYTES_OF_SYSTEM;
        final int byShared = device.sharedBytesPerMultiprocessor() / shared;
        return Math.min(Math.min(byThreads, byRegisters), Math.min(byShared, device.blocksPerMultiprocessor()));
    }

    private static int registersOfWarp(final PosedFunction function) {
        return Math.ceilDiv(Math.max(function.figures().registers(), 1), REGISTER_UNIT) * REGISTER_UNIT * WARP;
    }

    private static long threads(final int[] block) {
        return (long) block[0] * block[1] * block[2];
    }

    static String triple(final int[] sizes) {
        return sizes[0] + " x " + sizes[1] + " x " + sizes[2];
    }

    private Session session() {
        return standIn.session();
    }
}
