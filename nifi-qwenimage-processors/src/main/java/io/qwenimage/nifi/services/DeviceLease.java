package io.qwenimage.nifi.services;

import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.pipeline.ComponentStore;

/**
 * A hold on a device. While it is open the device's native memory stays, even if its service is disabled or a processor
 * terminated; the last lease to close frees it.
 */
public interface DeviceLease extends AutoCloseable {
    /** The device's operations, valid until this lease is closed. */
    Backend backend();

    /** The networks in the device's memory, shared by all who hold the device; valid until this lease is closed. */
    ComponentStore components();

    /**
     * Whether the device has failed for good. Nothing can be computed with this lease then, and what it held is lost:
     * close it and acquire another.
     */
    boolean isLost();

    /**
     * Waits in the device's queue, first come first served, for the right to compute.
     *
     * @param cancellation asked several times a second while waiting
     * @return to be closed when the computation is done
     * @throws ServiceUnavailableException if the device has failed
     * @throws java.util.concurrent.CancellationException if the work was called off or the thread interrupted
     */
    DevicePermit permit(Cancellation cancellation);

    /** Lets go of the device; a second call does nothing. */
    @Override
    void close();
}
