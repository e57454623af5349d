package io.qwenimage.kernels.standin;

import java.util.concurrent.atomic.AtomicLong;

/** What the stand-in was asked to do since it was set up. */
public final class Books {
    private final AtomicLong launches = new AtomicLong();
    private final AtomicLong copies = new AtomicLong();
    private final AtomicLong kernels = new AtomicLong();
    private final AtomicLong convolutions = new AtomicLong();
    private final AtomicLong allocations = new AtomicLong();
    private final AtomicLong bytesToDevice = new AtomicLong();
    private final AtomicLong bytesToHost = new AtomicLong();
    private final AtomicLong waits = new AtomicLong();

    /** Kernels, matrix products, convolutions and graphs that were launched; a graph counts once. */
    public long launches() {
        return launches.get();
    }

    /** Copies within the device and fills that were asked for, those of graphs excluded. */
    public long copies() {
        return copies.get();
    }

    /** Kernels that ran, those of graphs included. */
    public long kernels() {
        return kernels.get();
    }

    /** Convolutions that cuDNN was asked for. */
    public long convolutions() {
        return convolutions.get();
    }

    /** Allocations of device memory. */
    public long allocations() {
        return allocations.get();
    }

    /** Bytes copied from the host to the device. */
    public long bytesToDevice() {
        return bytesToDevice.get();
    }

    /** Bytes copied from the device to the host. */
    public long bytesToHost() {
        return bytesToHost.get();
    }

    /** Times that the host waited for the device: by asking to, by copies that block, by freeing memory. */
    public long waits() {
        return waits.get();
    }

    void launched() {
        launches.incrementAndGet();
    }

    void copied() {
        copies.incrementAndGet();
    }

    void ranKernel() {
        kernels.incrementAndGet();
    }

    void convolved() {
        convolutions.incrementAndGet();
    }

    void allocated() {
        allocations.incrementAndGet();
    }

    void copiedToDevice(final long bytes) {
        bytesToDevice.addAndGet(bytes);
    }

    void copiedToHost(final long bytes) {
        bytesToHost.addAndGet(bytes);
    }

    void waited() {
        waits.incrementAndGet();
    }
}
