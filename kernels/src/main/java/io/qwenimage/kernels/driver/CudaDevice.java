package io.qwenimage.kernels.driver;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.CUresult;
import jcuda.driver.CUuuid;
import jcuda.driver.JCudaDriver;

/**
 * A CUDA device opened for work: its context, a memory pool with a budget, and the modules loaded on it. Any thread may
 * use it; a stream belongs to one thread at a time.
 *
 * <p>Closing waits for all work, then frees everything that was opened on it.
 */
public final class CudaDevice implements AutoCloseable {
    private static final int NAME_BYTES = 256;

    private final DriverContext context;
    private final MemoryPool memory;
    private final ModuleCache modules;
    private final Set<AutoCloseable> children = Collections.newSetFromMap(new IdentityHashMap<>());
    private final boolean synchronousLaunches;
    private boolean closed;

    private CudaDevice(final DriverContext context, final long memoryBudgetBytes, final boolean debugging,
                       final Function<String, Optional<byte[]>> images) {
        this.context = context;
        this.memory = new MemoryPool(context, memoryBudgetBytes, !debugging);
        this.modules = new ModuleCache(context, images);
        this.synchronousLaunches = debugging;
    }

    /**
     * The devices that the process sees.
     *
     * @throws CudaUnavailableException if there is no driver
     */
    public static List<DeviceProperties> list() {
        DriverLibrary.require();
        final int[] count = new int[1];
        requireAvailable(JCudaDriver.cuDeviceGetCount(count), "counting devices");
        final List<DeviceProperties> devices = new ArrayList<>();
        for (int ordinal = 0; ordinal < count[0]; ordinal++) {
            devices.add(describe(handle(ordinal), ordinal));
        }
        return List.copyOf(devices);
    }

    /**
     * Opens a device.
     *
     * @param ordinal its number, from 0
     * @param memoryBudgetBytes the most that the pool may hold of the device's memory
     * @throws CudaUnavailableException if there is no driver
     * @throws IllegalArgumentException if there is no such device, or the budget is not positive
     */
    public static CudaDevice open(final int ordinal, final long memoryBudgetBytes) {
        return open(ordinal, memoryBudgetBytes, false, KernelImage::fromResource);
    }

    /**
     * Opens a device for finding faults. It waits for every kernel before the launch returns, so that an error is
     * reported by the launch that caused it, and every buffer is an allocation of its own of exactly the size that was
     * asked for, so that tools see accesses beside it. Slow.
     *
     * @param ordinal its number, from 0
     * @param memoryBudgetBytes the most that buffers may come to
     * @param images content of compiled modules by file name ({@code norm.sm_80.cubin}, {@code norm.ptx}), looked for
     *     before those of the house
     */
    public static CudaDevice openForDebugging(final int ordinal, final long memoryBudgetBytes,
                                              final Map<String, byte[]> images) {
        final Map<String, byte[]> own = Map.copyOf(images);
        return open(ordinal, memoryBudgetBytes, true, name -> {
            final String module = name.substring(0, name.indexOf('.') + 1);
            return own.keySet().stream().anyMatch(image -> image.startsWith(module))
                    ? Optional.ofNullable(own.get(name)) : KernelImage.fromResource(name);
        });
    }

    private static CudaDevice open(final int ordinal, final long memoryBudgetBytes, final boolean debugging,
                                   final Function<String, Optional<byte[]>> images) {
        final List<DeviceProperties> devices = list();
        if (ordinal < 0 || ordinal >= devices.size()) {
            throw new IllegalArgumentException("CUDA device " + ordinal + " does not exist; devices are "
                    + devices.stream().map(DeviceProperties::title).toList());
        }
        if (memoryBudgetBytes <= 0) {
            throw new IllegalArgumentException("memory budget of " + memoryBudgetBytes + " bytes; give a positive one");
        }
        return new CudaDevice(new DriverContext(handle(ordinal), devices.get(ordinal)), memoryBudgetBytes, debugging,
                images);
    }

    /** What the device says of itself. */
    public DeviceProperties properties() {
        return context.properties();
    }

    /** Its compute capability. */
    public ComputeCapability capability() {
        return properties().capability();
    }

    /** The pool that its buffers come from. */
    public MemoryPool memory() {
        return memory;
    }

    /** Memory of the device that nobody has taken, in bytes, whatever the budget is. */
    public long freeMemory() {
        return memory.freeOnDevice();
    }

    /** A new stream; closing the device closes it. */
    public CudaStream openStream() {
        context.enter();
        return add(new CudaStream(this, context));
    }

    /** A new event that measures time; closing the device closes it. */
    public CudaEvent openEvent() {
        context.enter();
        return add(new CudaEvent(this, context, true));
    }

    /** A new event that only orders the work of streams, which costs less; closing the device closes it. */
    public CudaEvent openOrderingEvent() {
        context.enter();
        return add(new CudaEvent(this, context, false));
    }

    /** Host memory that the device copies to and from by itself. */
    public PinnedBuffer allocatePinned(final long bytes) {
        context.enter();
        return add(new PinnedBuffer(this, context, bytes));
    }

    /**
     * The kernels of a source file, loaded on first use.
     *
     * @param name of the file without its ending: {@code norm}
     * @throws IllegalArgumentException if there is no such module
     * @throws CudaException if none of its images runs on this device
     */
    public KernelModule module(final String name) {
        return modules.module(name);
    }

    /**
     * Copies bytes into the device's memory and waits.
     *
     * @param source from its position to its limit, neither of which changes
     */
    public DeviceBuffer upload(final CudaStream stream, final ByteBuffer source) {
        final DeviceBuffer buffer = stream.allocate(Math.max(source.remaining(), 1));
        stream.upload(source, buffer);
        return buffer;
    }

    /**
     * Bounds every wait for the device from now on. A wait that takes longer ends with a {@link DeviceLostException}: a
     * kernel that does not end cannot be stopped, so the device is given up. Without a bound the driver waits, for ever
     * if need be.
     */
    public void limitWaits(final Duration limit) {
        context.limitWaits(limit);
    }

    /** Waits for all work on the device. */
    public void synchronize() {
        context.enter();
        context.awaitIdle();
        context.check(JCudaDriver.cuCtxSynchronize(), () -> "waiting for the device");
    }

    /** Whether an error has left the device's context unusable; if so, close it and open the device anew. */
    public boolean isLost() {
        return context.isLost();
    }

    /** The error that has left the device's context unusable. */
    public Optional<DeviceLostException> loss() {
        return context.loss();
    }

    boolean synchronousLaunches() {
        return synchronousLaunches;
    }

    DriverContext context() {
        return context;
    }

    /** What closes itself leaves the list of what this device closes. */
    synchronized void remove(final AutoCloseable child) {
        children.remove(child);
    }

    synchronized <T extends AutoCloseable> T add(final T child) {
        children.add(child);
        return child;
    }

    private static CUdevice handle(final int ordinal) {
        final CUdevice device = new CUdevice();
        requireAvailable(JCudaDriver.cuDeviceGet(device, ordinal), "finding device " + ordinal);
        return device;
    }

    private static DeviceProperties describe(final CUdevice device, final int ordinal) {
        final byte[] name = new byte[NAME_BYTES];
        requireAvailable(JCudaDriver.cuDeviceGetName(name, name.length, device), "naming device " + ordinal);
        final CUuuid uuid = new CUuuid();
        uuid.bytes = new byte[16];
        requireAvailable(JCudaDriver.cuDeviceGetUuid(uuid, device), "identifying device " + ordinal);
        final ByteBuffer identity = ByteBuffer.wrap(uuid.bytes);
        final long[] bytes = new long[1];
        requireAvailable(JCudaDriver.cuDeviceTotalMem(bytes, device), "sizing device " + ordinal);
        final int[] version = new int[1];
        requireAvailable(JCudaDriver.cuDriverGetVersion(version), "asking the driver's version");
        return new DeviceProperties(ordinal, new String(name, StandardCharsets.UTF_8).split("\0")[0],
                new UUID(identity.getLong(), identity.getLong()),
                new ComputeCapability(
                        attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR),
                        attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)),
                bytes[0],
                attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT),
                attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK),
                attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN),
                attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE), version[0]);
    }

    private static int attribute(final CUdevice device, final int attribute) {
        final int[] value = new int[1];
        requireAvailable(JCudaDriver.cuDeviceGetAttribute(value, attribute, device), "asking attribute " + attribute);
        return value[0];
    }

    private static void requireAvailable(final int result, final String action) {
        if (result != CUresult.CUDA_SUCCESS) {
            throw new CudaUnavailableException("CUDA is not offered: " + action + " failed with "
                    + DriverContext.errorName(result) + "; check the devices with nvidia-smi");
        }
    }

    /** Waits for all work and frees everything that was opened here; a lost device is given up without waiting. */
    @Override
    public void close() {
        final List<AutoCloseable> open;
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
            open = new ArrayList<>(children);
        }
        try {
            if (!isLost()) {
                synchronize();
            }
        } finally {
            for (final AutoCloseable child : open) {
                closeQuietly(child);
            }
            memory.close();
            modules.close();
            context.close();
        }
    }

    private static void closeQuietly(final AutoCloseable child) {
        try {
            child.close();
        } catch (final Exception e) {
            // The context goes next, and with it whatever could not be closed by itself.
            return;
        }
    }
}
