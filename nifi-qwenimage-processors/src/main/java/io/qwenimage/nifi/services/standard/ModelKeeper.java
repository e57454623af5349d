package io.qwenimage.nifi.services.standard;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.nifi.services.ComputeDeviceService;
import io.qwenimage.nifi.services.DeviceLease;
import io.qwenimage.nifi.services.DevicePermit;
import io.qwenimage.nifi.services.ModelLease;
import io.qwenimage.nifi.services.ServiceUnavailableException;
import io.qwenimage.pipeline.ComponentStore;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.LongSupplier;

/**
 * A model from one enabling of its service to the last lease's end: opened when first wanted, given up when nobody has
 * wanted it for a while, opened again. Safe for use by several threads.
 *
 * @param <P> the kind of pipeline
 */
final class ModelKeeper<P> {
    private final ComputeDeviceService device;
    private final Function<ComponentStore, P> opener;
    private final Consumer<P> closer;
    private final LongSupplier nanoTime;
    private SharedResource<OpenModel<P>> open;
    private OpenModel<P> model;
    private long lastUse;
    private boolean retired;

    /**
     * @param device   where the model runs
     * @param opener   opens the model on a device
     * @param closer   frees the model
     * @param nanoTime the clock of idleness
     */
    ModelKeeper(final ComputeDeviceService device, final Function<ComponentStore, P> opener,
            final Consumer<P> closer, final LongSupplier nanoTime) {
        this.device = device;
        this.opener = opener;
        this.closer = closer;
        this.nanoTime = nanoTime;
    }

    /**
     * Opens the model if it is not open, and waits for its turn.
     *
     * @throws ServiceUnavailableException if this keeper is retired
     */
    ModelLease<P> lease(final Cancellation cancellation) {
        final SharedResource<OpenModel<P>>.Hold hold = hold();
        try {
            return new Lease<>(this, hold, hold.get().device().permit(cancellation));
        } catch (final RuntimeException | Error e) {
            hold.close();
            throw e;
        }
    }

    /**
     * Closes the model if nobody has used it for some time.
     *
     * @param idleNanos how long
     * @return whether it was closed now
     */
    synchronized boolean closeIfIdle(final long idleNanos) {
        if (open == null || nanoTime.getAsLong() - lastUse < idleNanos || !open.retireIfUnused()) {
            return false;
        }
        open = null;
        model = null;
        return true;
    }

    /** Hands out no more leases; the model is closed when the last one is. */
    synchronized void retire() {
        retired = true;
        if (open != null) {
            close();
        }
    }

    private void close() {
        open.retire();
        open = null;
        model = null;
    }

    private synchronized SharedResource<OpenModel<P>>.Hold hold() {
        if (retired) {
            throw new ServiceUnavailableException("the model service was disabled; enable it again");
        }
        if (open != null && model.device().isLost()) {
            // Its weights are lost with the device; those who still hold it fail and let go by themselves.
            close();
        }
        if (open == null) {
            final OpenModel<P> opened = openModel();
            model = opened;
            open = new SharedResource<>(opened, opened::close);
        }
        lastUse = nanoTime.getAsLong();
        return open.hold();
    }

    private OpenModel<P> openModel() {
        final DeviceLease lease = acquireDevice();
        try {
            return new OpenModel<>(lease, opener.apply(lease.components()), closer);
        } catch (final RuntimeException | Error e) {
            lease.close();
            throw e;
        }
    }

    private DeviceLease acquireDevice() {
        try {
            return device.acquire();
        } catch (final ServiceUnavailableException e) {
            throw e;
        } catch (final RuntimeException e) {
            // NiFi's own proxy refuses calls to a service that is not enabled.
            throw new ServiceUnavailableException("the compute device service cannot be used: " + e.getMessage()
                    + "; enable it", e);
        }
    }

    private synchronized void used() {
        lastUse = nanoTime.getAsLong();
    }

    private record OpenModel<P>(DeviceLease device, P pipeline, Consumer<P> closer) implements AutoCloseable {
        @Override
        public void close() {
            try {
                closer.accept(pipeline);
            } finally {
                device.close();
            }
        }
    }

    private record Lease<P>(ModelKeeper<P> keeper, SharedResource<OpenModel<P>>.Hold hold, DevicePermit permit)
            implements ModelLease<P> {
        @Override
        public P pipeline() {
            return hold.get().pipeline();
        }

        @Override
        public void close() {
            keeper.used();
            try {
                permit.close();
            } finally {
                hold.close();
            }
        }
    }
}
