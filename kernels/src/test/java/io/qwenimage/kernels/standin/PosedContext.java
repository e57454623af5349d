package io.qwenimage.kernels.standin;

import io.qwenimage.ptx.memory.DeviceMemory;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.Consumer;
import jcuda.driver.CUresult;

/** The primary context of a posed device: its memory, its streams, and the error that has broken it. */
final class PosedContext {
    private final PosedDevice device;
    private final int ordinal;
    private final DeviceMemory memory;
    private final Random order;
    private final PosedStream defaultStream = new PosedStream(this, true);
    private final List<PosedStream> streams = new ArrayList<>();
    private final TreeMap<Long, Long> allocations = new TreeMap<>();
    private long allocatedBytes;
    /** Streams within graphs that were launched. */
    private final List<PosedStream> branches = new ArrayList<>();
    private final Races races;
    private int brokenBy;
    private int openEvents;
    private int loadedModules;

    PosedContext(final PosedDevice device, final int ordinal, final DeviceMemory memory, final long seed,
            final Consumer<String> findings) {
        races = new Races(findings);
        this.device = device;
        this.ordinal = ordinal;
        this.memory = memory;
        this.order = new Random(seed);
        streams.add(defaultStream);
    }

    PosedDevice device() {
        return device;
    }

    int ordinal() {
        return ordinal;
    }

    DeviceMemory memory() {
        return memory;
    }

    PosedStream defaultStream() {
        return defaultStream;
    }

    PosedStream openStream(final boolean blocking) {
        final PosedStream stream = new PosedStream(this, blocking);
        streams.add(stream);
        return stream;
    }

    void closeStream(final PosedStream stream) {
        streams.remove(stream);
        races.waited(stream.clock());
        races.forget(stream);
    }

    /** A stream within a graph; it lasts until its work has run. */
    PosedStream openBranch() {
        for (final PosedStream ended : branches.stream().filter(branch -> branch.isEmpty() && !races.knows(branch))
                .toList()) {
            branches.remove(ended);
            races.forget(ended);
            streams.forEach(stream -> stream.clock().forget(ended));
        }
        final PosedStream branch = new PosedStream(this, false);
        branches.add(branch);
        return branch;
    }

    /** Watches the order of streams. */
    Races races() {
        return races;
    }

    /** The host has waited for everything. */
    void waitedForAll() {
        streams.forEach(stream -> races.waited(stream.clock()));
    }

    void countEvent(final int change) {
        openEvents += change;
    }

    void countModule(final int change) {
        loadedModules += change;
    }

    boolean isBroken() {
        return brokenBy != 0;
    }

    /** What has broken it, or 0. */
    int error() {
        return brokenBy;
    }

    /** The first error stays. */
    void breakBy(final int result) {
        brokenBy = brokenBy == 0 ? result : brokenBy;
    }

    void requireWhole() {
        if (brokenBy != 0) {
            throw new Refusal(brokenBy, null);
        }
    }

    long allocate(final long bytes) {
        if (bytes <= 0) {
            throw new Refusal(CUresult.CUDA_ERROR_INVALID_VALUE, "an allocation of " + bytes + " bytes");
        }
        if (allocatedBytes + bytes > device.memoryBytes()) {
            throw new Refusal(CUresult.CUDA_ERROR_OUT_OF_MEMORY, null);
        }
        final long address = memory.allocate(bytes);
        allocations.put(address, bytes);
        allocatedBytes += bytes;
        return address;
    }

    void free(final long address) {
        final Long bytes = allocations.remove(address);
        if (bytes == null) {
            throw new Refusal(CUresult.CUDA_ERROR_INVALID_VALUE, "freeing 0x" + Long.toHexString(address)
                    + (memory.isFreed(address) ? ", which has been freed already"
                    : ", where no allocation of " + device.name() + " begins"));
        }
        memory.free(address);
        allocatedBytes -= bytes;
    }

    long allocatedBytes() {
        return allocatedBytes;
    }

    /** Whether the range lies in one live allocation. */
    boolean holds(final long address, final long bytes) {
        final Map.Entry<Long, Long> allocation = allocations.floorEntry(address);
        return allocation != null && address - allocation.getKey() + bytes <= allocation.getValue();
    }

    /** How much of a live allocation there is from an address on; 0 if there is none. */
    long bytesFrom(final long address) {
        final Map.Entry<Long, Long> allocation = allocations.floorEntry(address);
        return allocation == null ? 0 : Math.max(0, allocation.getKey() + allocation.getValue() - address);
    }

    boolean usesHost(final long hostAddress, final long bytes) {
        return streams.stream().anyMatch(stream -> stream.uses(hostAddress, bytes))
                || branches.stream().anyMatch(branch -> branch.uses(hostAddress, bytes));
    }

    /** Runs all work, the streams in any order. */
    void drain() {
        final List<PosedStream> shuffled = new ArrayList<>(streams);
        Collections.shuffle(shuffled, order);
        shuffled.forEach(PosedStream::drain);
    }

    boolean isCapturing() {
        return streams.stream().anyMatch(PosedStream::isCapturing);
    }

    boolean isStuck() {
        return streams.stream().anyMatch(PosedStream::isStuck) || branches.stream().anyMatch(PosedStream::isStuck);
    }

    /** What has not been given back, in words; empty if nothing. */
    List<String> leaks() {
        final List<String> leaks = new ArrayList<>();
        if (!allocations.isEmpty()) {
            leaks.add(allocations.size() + " allocations, together " + allocatedBytes + " bytes");
        }
        if (streams.size() > 1) {
            leaks.add(streams.size() - 1 + " streams");
        }
        if (openEvents > 0) {
            leaks.add(openEvents + " events");
        }
        if (loadedModules > 0) {
            leaks.add(loadedModules + " modules");
        }
        return leaks;
    }
}
