package io.qwenimage.kernels.driver;

import com.sun.jna.Function;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.util.List;

/**
 * Launches with a cluster dimension, which JCuda does not bind: {@code cuLaunchKernelEx}, see "CUlaunchConfig" in the
 * CUDA driver API.
 */
final class ClusterLaunch {
    private static final int ATTRIBUTE_CLUSTER_DIMENSION = 4;
    /** {@code CUlaunchConfig}: seven ints, padding, stream, attributes, their number, padding. */
    private static final int CONFIGURATION_BYTES = 56;
    /** {@code CUlaunchAttribute}: its id, padding, a union of 64 bytes. */
    private static final int ATTRIBUTE_BYTES = 72;
    private static final int ATTRIBUTE_VALUE = 8;
    private static final int EXTRA_WORDS = 5;

    private ClusterLaunch() {
    }

    static int launch(final long function, final long stream, final LaunchGeometry geometry,
                      final KernelArguments arguments) {
        final Function launch = DriverLibrary.function("cuLaunchKernelEx");
        final boolean placed = arguments.placedByDriver();
        final int words = placed ? arguments.offsets().size() : EXTRA_WORDS;
        try (Memory memory = new Memory(CONFIGURATION_BYTES + ATTRIBUTE_BYTES + (long) words * Native.POINTER_SIZE
                + Long.BYTES + arguments.size())) {
            memory.clear();
            final Pointer attribute = memory.share(CONFIGURATION_BYTES);
            final Pointer list = attribute.share(ATTRIBUTE_BYTES);
            final Pointer size = list.share((long) words * Native.POINTER_SIZE);
            final Pointer packed = size.share(Long.BYTES);
            writeConfiguration(memory, stream, geometry, attribute);
            packed.write(0, arguments.packed(), 0, arguments.size());
            size.setLong(0, arguments.size());
            if (placed) {
                writePointers(list, packed, arguments.offsets());
            } else {
                writeExtra(list, packed, size);
            }
            return launch.invokeInt(new Object[] {memory, new Pointer(function), placed ? list : Pointer.NULL,
                    placed ? Pointer.NULL : list});
        }
    }

    private static void writeConfiguration(final Pointer target, final long stream, final LaunchGeometry geometry,
                                           final Pointer attribute) {
        target.write(0, new int[] {geometry.gridX(), geometry.gridY(), geometry.gridZ(), geometry.blockX(),
                geometry.blockY(), geometry.blockZ(), geometry.dynamicSharedBytes()}, 0, 7);
        target.setLong(32, stream);
        target.setPointer(40, attribute);
        target.setInt(48, 1);
        attribute.setInt(0, ATTRIBUTE_CLUSTER_DIMENSION);
        attribute.write(ATTRIBUTE_VALUE, new int[] {geometry.clusterX(), 1, 1}, 0, 3);
    }

    private static void writePointers(final Pointer target, final Pointer packed, final List<Integer> offsets) {
        for (int index = 0; index < offsets.size(); index++) {
            target.setPointer((long) Native.POINTER_SIZE * index, packed.share(offsets.get(index)));
        }
    }

    /** The list that names a packed buffer: 1, its address, 2, the address of its size, 0. */
    private static void writeExtra(final Pointer target, final Pointer packed, final Pointer size) {
        target.setLong(0, 1);
        target.setPointer(Native.POINTER_SIZE, packed);
        target.setLong(2L * Native.POINTER_SIZE, 2);
        target.setPointer(3L * Native.POINTER_SIZE, size);
        target.setLong(4L * Native.POINTER_SIZE, 0);
    }
}
