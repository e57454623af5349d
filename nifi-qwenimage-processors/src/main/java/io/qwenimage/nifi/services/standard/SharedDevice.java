package io.qwenimage.nifi.services.standard;

import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.nifi.services.DeviceLease;
import io.qwenimage.nifi.services.DevicePermit;
import io.qwenimage.nifi.services.ServiceUnavailableException;
import io.qwenimage.pipeline.ComponentStore;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/** A backend and its queue, from one opening to the last lease's end, or until the device is lost. */
final class SharedDevice {
    private final SharedResource<Backend> backend;
    private final Backend opened;
    private final ComponentStore components;
    private final PermitQueue permits;
    private final Consumer<SharedDevice> onLoss;
    private final Executor executor;
    private final AtomicBoolean open = new AtomicBoolean(true);

    /**
     * A device that is never lost.
     *
     * @param backend owned by this object from now on
     * @param permits how many may compute at the same time
     */
    SharedDevice(final Backend backend, final int permits) {
        this(backend, permits, lost -> { }, Runnable::run);
    }

    /**
     * A device that may be lost.
     *
     * @param backend owned by this object from now on
     * @param permits how many may compute at the same time
     * @param onLoss  told, perhaps several times, when somebody who computed leaves the backend lost
     * @param executor frees a lost backend, which may take long
     */
    SharedDevice(final Backend backend, final int permits, final Consumer<SharedDevice> onLoss,
            final Executor executor) {
        this.backend = new SharedResource<>(backend, this::free);
        this.executor = executor;
        opened = backend;
        components = new ComponentStore(backend);
        this.permits = new PermitQueue(permits);
        this.onLoss = onLoss;
    }

    /**
     * Takes hold of the backend.
     *
     * @throws ServiceUnavailableException if the device is retired
     */
    DeviceLease lease() {
        final SharedResource<Backend>.Hold hold = backend.hold();
        if (hold == null) {
            throw new ServiceUnavailableException("the compute device service was disabled; enable it again");
        }
        return new Lease(this, hold);
    }

    /** How many wait for their turn to compute. */
    int waiting() {
        return permits.waiting();
    }

    /** Why the backend cannot be used any more; empty while it can. */
    Optional<String> loss() {
        return opened.loss();
    }

    /** Hands out no more leases; the backend is freed when the last one is closed. */
    void retire() {
        backend.retire();
    }

    /**
     * Lets nobody compute any more.
     *
     * @param reason told to those who wait and those who come
     * @param idle   run once, when the last who computes has let go; by this thread if nobody does
     */
    void abandon(final String reason, final Runnable idle) {
        permits.shut(reason, idle);
    }

    /**
     * Frees a lost backend that nobody computes on, whoever still holds it: what they hold is lost already, and letting
     * go of it needs no device.
     */
    void closeBackend() {
        close();
        backend.retire();
    }

    private void free() {
        if (open.get() && loss().isPresent()) {
            executor.execute(this::close);
        } else {
            close();
        }
    }

    private void close() {
        if (open.compareAndSet(true, false)) {
            opened.close();
        }
    }

    private record Lease(SharedDevice device, SharedResource<Backend>.Hold hold) implements DeviceLease {
        @Override
        public Backend backend() {
            return hold.get();
        }

        @Override
        public ComponentStore components() {
            hold.get();
            return device.components;
        }

        @Override
        public boolean isLost() {
            return device.loss().isPresent();
        }

        @Override
        public DevicePermit permit(final Cancellation cancellation) {
            hold.get();
            final DevicePermit permit = device.permits.acquire(cancellation);
            return () -> {
                // Before the next in the queue has his turn, so that he does not begin on a lost device.
                if (isLost()) {
                    device.onLoss.accept(device);
                }
                permit.close();
            };
        }

        @Override
        public void close() {
            hold.close();
        }
    }
}
