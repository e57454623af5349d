package io.qwenimage.kernels.standin;

import io.qwenimage.ptx.memory.DeviceMemory;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import jcuda.driver.CUresult;

/** Everything that the stand-in knows between two set-ups: devices, contexts, handles, books, findings. */
final class Session {
    private static final long ADDRESSES_OF_A_DEVICE = 1L << 36;

    private final List<PosedDevice> devices;
    private final int driverVersion;
    private final long seed;
    private final Map<Integer, PosedContext> primaries = new HashMap<>();
    private final Map<Integer, Integer> holders = new HashMap<>();
    private final Map<Integer, Long> primaryHandles = new HashMap<>();
    /** The errors of broken contexts that were released and not reset, by device. */
    private final Map<Integer, Integer> keptErrors = new HashMap<>();
    private final ThreadLocal<PosedContext> current = new ThreadLocal<>();
    private final Handles handles = new Handles();
    private final HostMemory host = new HostMemory();
    private final Books books = new Books();
    private final Faults faults = new Faults();
    private final List<String> findings = new ArrayList<>();
    private final List<KernelRun> runs = new ArrayList<>();

    Session(final List<PosedDevice> devices, final int driverVersion, final long seed) {
        this.devices = List.copyOf(devices);
        this.driverVersion = driverVersion;
        this.seed = seed;
    }

    List<PosedDevice> devices() {
        return devices;
    }

    long seed() {
        return seed;
    }

    int driverVersion() {
        return driverVersion;
    }

    Handles handles() {
        return handles;
    }

    HostMemory host() {
        return host;
    }

    Books books() {
        return books;
    }

    Faults faults() {
        return faults;
    }

    synchronized void find(final String finding) {
        findings.add(finding);
    }

    synchronized List<String> findings() {
        return List.copyOf(findings);
    }

    synchronized void clearFindings() {
        findings.clear();
    }

    synchronized void ran(final KernelRun run) {
        runs.add(run);
    }

    synchronized List<KernelRun> runs() {
        return List.copyOf(runs);
    }

    PosedDevice device(final int ordinal) {
        if (ordinal < 0 || ordinal >= devices.size()) {
            throw new Refusal(CUresult.CUDA_ERROR_INVALID_DEVICE, "device " + ordinal + " of " + devices.size());
        }
        return devices.get(ordinal);
    }

    long retainPrimary(final int ordinal) {
        final PosedDevice device = device(ordinal);
        if (faults.areDevicesGone()) {
            throw new Refusal(CUresult.CUDA_ERROR_DEVICE_UNAVAILABLE, null);
        }
        if (keptErrors.containsKey(ordinal)) {
            throw new Refusal(keptErrors.get(ordinal), null);
        }
        holders.merge(ordinal, 1, Integer::sum);
        if (!primaries.containsKey(ordinal)) {
            final PosedContext context = new PosedContext(device, ordinal, new DeviceMemory(
                    DeviceMemory.FIRST_ADDRESS + ordinal * ADDRESSES_OF_A_DEVICE), seed, this::find);
            primaries.put(ordinal, context);
            primaryHandles.put(ordinal, handles.open(context));
        }
        return primaryHandles.get(ordinal);
    }

    void releasePrimary(final int ordinal) {
        device(ordinal);
        final int left = holders.merge(ordinal, -1, Integer::sum);
        if (left < 0) {
            holders.put(ordinal, 0);
            throw new Refusal(CUresult.CUDA_ERROR_INVALID_CONTEXT, "releasing a context that nobody holds");
        }
        if (left == 0 && primaries.containsKey(ordinal)) {
            destroyPrimary(ordinal, true);
        }
    }

    /** Destroys the context with all that is open in it, whoever holds it, and with it the error that broke it. */
    void resetPrimary(final int ordinal) {
        device(ordinal);
        if (primaries.containsKey(ordinal)) {
            destroyPrimary(ordinal, false);
        }
        keptErrors.remove(ordinal);
        if (faults.areDevicesGone()) {
            throw new Refusal(CUresult.CUDA_ERROR_DEVICE_UNAVAILABLE, null);
        }
    }

    private void destroyPrimary(final int ordinal, final boolean inOrder) {
        final PosedContext context = primaries.remove(ordinal);
        handles.close(primaryHandles.remove(ordinal), PosedContext.class);
        // Of a broken context, or one with a kernel that does not end, nobody can close anything.
        if (context.isBroken()) {
            keptErrors.put(ordinal, context.error());
        }
        if (!inOrder || context.isBroken() || context.isStuck()) {
            // What was page-locked for it goes with it.
            host.freeAll(context);
        } else {
            context.drain();
            context.leaks().forEach(leak -> find("a leak at the end of the context of " + context.device().name() + ": "
                    + leak));
        }
        context.breakBy(CUresult.CUDA_ERROR_CONTEXT_IS_DESTROYED);
    }

    boolean isPrimaryActive(final int ordinal) {
        return primaries.containsKey(ordinal);
    }

    void setCurrent(final PosedContext context) {
        current.set(context);
    }

    /** The calling thread's context, or null. */
    PosedContext currentOrNull() {
        return current.get();
    }

    /** The calling thread's context, in which work is possible. */
    PosedContext current() {
        final PosedContext context = current.get();
        if (context == null) {
            throw new Refusal(CUresult.CUDA_ERROR_INVALID_CONTEXT, "no context is current in this thread");
        }
        if (faults.areDevicesGone()) {
            context.breakBy(CUresult.CUDA_ERROR_UNKNOWN);
        }
        context.requireWhole();
        return context;
    }

    /** A stream of the current context; 0 to 2 stand for the default stream. */
    PosedStream stream(final long handle) {
        final PosedContext context = current();
        if (handle >= 0 && handle <= 2) {
            return context.defaultStream();
        }
        final PosedStream stream = handles.get(handle, PosedStream.class);
        if (stream.context() != context) {
            throw new Refusal(CUresult.CUDA_ERROR_INVALID_HANDLE, "a stream of another context");
        }
        return stream;
    }

    /** Whoever holds an address, for messages. */
    String ownerOf(final long address) {
        for (final PosedContext context : primaries.values()) {
            if (context.holds(address, 1)) {
                return "belongs to device " + context.ordinal() + ", whose context is not current";
            }
            if (context.memory().isFreed(address)) {
                return "has been freed";
            }
        }
        return "belongs to no allocation";
    }

    /** What is still open, in words; empty if nothing. */
    List<String> open() {
        final List<String> open = new ArrayList<>();
        primaries.values().forEach(context -> open.add("the context of " + context.device().name()));
        if (host.count() > 0) {
            open.add(host.count() + " pieces of page-locked memory");
        }
        final long descriptors = handles.count(ConvolutionDescriptor.class);
        if (descriptors > 0) {
            open.add(descriptors + " descriptors of convolutions");
        }
        return open;
    }
}
