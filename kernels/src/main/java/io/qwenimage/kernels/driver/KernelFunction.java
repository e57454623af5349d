package io.qwenimage.kernels.driver;

import java.nio.ByteBuffer;
import java.util.function.Supplier;
import jcuda.Pointer;
import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.JCudaDriver;

/** A kernel loaded on a device. */
public final class KernelFunction {
    /** A block has so much shared memory without the kernel asking for more. */
    private static final int SHARED_BYTES_WITHOUT_ASKING = 48 * 1024;

    private final DriverContext context;
    private final String name;
    private final String image;
    private final Handle handle;
    private final int registers;
    private final int localBytes;
    private final int staticSharedBytes;
    private final int maximumThreads;
    private int dynamicSharedLimit;

    /** JCuda's function, whose number calls beside JCuda need. */
    static final class Handle extends CUfunction {
        long value() {
            return getNativePointer();
        }
    }

    KernelFunction(final DriverContext context, final String name, final String image, final Handle handle) {
        this.context = context;
        this.name = name;
        this.image = image;
        this.handle = handle;
        this.registers = attribute(CUfunction_attribute.CU_FUNC_ATTRIBUTE_NUM_REGS);
        this.localBytes = attribute(CUfunction_attribute.CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES);
        this.staticSharedBytes = attribute(CUfunction_attribute.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES);
        this.maximumThreads = attribute(CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
        this.dynamicSharedLimit = SHARED_BYTES_WITHOUT_ASKING - staticSharedBytes;
    }

    /** Its name in the source. */
    public String name() {
        return name;
    }

    /** Registers of a thread. */
    public int registers() {
        return registers;
    }

    /** Bytes of local memory of a thread: spilled registers and arrays that are indexed. */
    public int localBytes() {
        return localBytes;
    }

    /** Shared memory that the kernel declares, in bytes. */
    public int staticSharedBytes() {
        return staticSharedBytes;
    }

    /** The most threads that a block of it can have. */
    public int maximumThreads() {
        return maximumThreads;
    }

    /** How many of its blocks a multiprocessor holds at once. */
    public int residentBlocks(final LaunchGeometry geometry) {
        context.enter();
        allowSharedMemory(geometry.dynamicSharedBytes());
        final int[] blocks = new int[1];
        context.check(JCudaDriver.cuOccupancyMaxActiveBlocksPerMultiprocessor(blocks, handle, geometry.threads(),
                geometry.dynamicSharedBytes()), () -> "asking for the occupancy of " + name);
        return blocks[0];
    }

    /**
     * Puts the kernel on a stream.
     *
     * @param arguments in the order of its parameters
     * @throws IllegalArgumentException if the device cannot launch this geometry
     * @throws CudaException if the driver refuses the launch; kernel, geometry, arguments and device are named
     */
    public void launch(final CudaStream stream, final LaunchGeometry geometry, final KernelArguments arguments) {
        context.enter();
        final Supplier<String> description = () -> name + " (" + image + "; " + geometry + "; arguments " + arguments
                + ")";
        requireLaunchable(geometry, description);
        allowSharedMemory(geometry.dynamicSharedBytes());
        final int result = geometry.clusterX() == 1 ? launchPlain(stream, geometry, arguments)
                : ClusterLaunch.launch(handle.value(), stream.nativeHandle(), geometry, arguments);
        stream.launched(result, description);
    }

    /** Packed, a wrong number of arguments is refused by the driver; by pointers it cannot tell. */
    private int launchPlain(final CudaStream stream, final LaunchGeometry geometry, final KernelArguments arguments) {
        final boolean placed = arguments.placedByDriver();
        return JCudaDriver.cuLaunchKernel(handle, geometry.gridX(), geometry.gridY(), geometry.gridZ(),
                geometry.blockX(), geometry.blockY(), geometry.blockZ(), geometry.dynamicSharedBytes(), stream.handle(),
                placed ? pointers(arguments) : null, placed ? null : packed(arguments));
    }

    private static Pointer pointers(final KernelArguments arguments) {
        final ByteBuffer values = ByteBuffer.allocateDirect(arguments.size());
        values.put(0, arguments.packed(), 0, arguments.size());
        final Pointer first = Pointer.to(values);
        return Pointer.to(arguments.offsets().stream().map(offset -> first.withByteOffset(offset))
                .toArray(Pointer[]::new));
    }

    private static Pointer packed(final KernelArguments arguments) {
        return Pointer.to(
                JCudaDriver.CU_LAUNCH_PARAM_BUFFER_POINTER, Pointer.to(arguments.packed()),
                JCudaDriver.CU_LAUNCH_PARAM_BUFFER_SIZE, Pointer.to(new long[] {arguments.size()}),
                JCudaDriver.CU_LAUNCH_PARAM_END);
    }

    private void requireLaunchable(final LaunchGeometry geometry, final Supplier<String> description) {
        if (geometry.threads() > maximumThreads) {
            throw new IllegalArgumentException(description.get() + ": " + registers
                    + " registers a thread leave room for "
                    + maximumThreads + " threads in a block on " + context.properties().title());
        }
        final int limit = context.properties().sharedBytesPerBlockOptIn() - staticSharedBytes;
        if (geometry.dynamicSharedBytes() > limit) {
            throw new IllegalArgumentException(description.get() + ": a block has at most " + limit
                    + " bytes of dynamic shared memory on " + context.properties().title());
        }
    }

    private synchronized void allowSharedMemory(final int bytes) {
        if (bytes > dynamicSharedLimit) {
            context.check(JCudaDriver.cuFuncSetAttribute(handle,
                    CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, bytes),
                    () -> "asking for " + bytes + " bytes of shared memory for " + name);
            dynamicSharedLimit = bytes;
        }
    }

    private int attribute(final int attribute) {
        final int[] value = new int[1];
        context.check(JCudaDriver.cuFuncGetAttribute(value, attribute, handle),
                () -> "asking attribute " + attribute + " of " + name);
        return value[0];
    }

    @Override
    public String toString() {
        return name;
    }
}
