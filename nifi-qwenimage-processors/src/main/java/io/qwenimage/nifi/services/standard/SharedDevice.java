package io.qwenimage.nifi.services.standard;

import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.nifi.services.DeviceLease;
import io.qwenimage.nifi.services.DevicePermit;
import io.qwenimage.nifi.services.ServiceUnavailableException;
import io.qwenimage.pipeline.ComponentStore;

/** A backend and its queue, from one enabling of a device service to the last lease's end. */
final class SharedDevice {
    private final SharedResource<Backend> backend;
    private final ComponentStore components;
    private final PermitQueue permits;

    /**
     * @param backend owned by this object from now on
     * @param permits how many may compute at the same time
     */
    SharedDevice(final Backend backend, final int permits) {
        this.backend = new SharedResource<>(backend, backend::close);
        components = new ComponentStore(backend);
        this.permits = new PermitQueue(permits);
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
        return new Lease(hold, components, permits);
    }

    /** How many wait for their turn to compute. */
    int waiting() {
        return permits.waiting();
    }

    /** Hands out no more leases; the backend is freed when the last one is closed. */
    void retire() {
        backend.retire();
    }

    private record Lease(SharedResource<Backend>.Hold hold, ComponentStore store, PermitQueue permits)
            implements DeviceLease {
        @Override
        public Backend backend() {
            return hold.get();
        }

        @Override
        public ComponentStore components() {
            hold.get();
            return store;
        }

        @Override
        public DevicePermit permit(final Cancellation cancellation) {
            hold.get();
            return permits.acquire(cancellation);
        }

        @Override
        public void close() {
            hold.close();
        }
    }
}
