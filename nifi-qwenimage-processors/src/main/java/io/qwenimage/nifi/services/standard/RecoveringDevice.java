package io.qwenimage.nifi.services.standard;

import io.qwenimage.backend.Backend;
import io.qwenimage.nifi.services.DeviceLease;
import io.qwenimage.nifi.services.ServiceUnavailableException;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.apache.nifi.logging.ComponentLog;

/**
 * A device, from one enabling of its service to the next disabling, that is taken out when it fails: nobody new
 * computes on it, those who do are failed by it, and when the last of them has let go it is closed and opened anew. As
 * long as it cannot be opened it is tried again whenever somebody asks for it, but not too often. All that may hang in
 * a driver is done by threads of the executor. Safe for use by several threads.
 */
final class RecoveringDevice {
    static final long RETRY_NANOS = TimeUnit.SECONDS.toNanos(30);

    private final Supplier<Backend> opener;
    private final int permits;
    private final Executor executor;
    private final LongSupplier nanoTime;
    private final ComponentLog logger;
    private SharedDevice device;
    /** Why there is no device; null while there is one. */
    private String fault;
    private boolean recovering;
    private boolean retired;
    private long lastAttempt;

    /**
     * Opens the device.
     *
     * @param opener   opens it, now and after every loss; throws if that is not possible
     * @param permits  how many may compute at the same time
     * @param executor runs what may hang
     * @param nanoTime the clock of attempts
     * @param logger   told of losses and recoveries
     */
    RecoveringDevice(final Supplier<Backend> opener, final int permits, final Executor executor,
            final LongSupplier nanoTime, final ComponentLog logger) {
        this.opener = opener;
        this.permits = permits;
        this.executor = executor;
        this.nanoTime = nanoTime;
        this.logger = logger;
        device = share(opener.get());
    }

    /**
     * Takes hold of the device.
     *
     * @throws ServiceUnavailableException if it is lost at the moment, or retired
     */
    synchronized DeviceLease lease() {
        if (device != null && device.loss().isPresent()) {
            takeOut(device);
        }
        if (device == null) {
            tryAgain();
            throw new ServiceUnavailableException(fault == null ? "the device is retired" : fault);
        }
        return device.lease();
    }

    /** Why the device cannot be used, in words; empty while it can. */
    synchronized Optional<String> fault() {
        return Optional.ofNullable(fault);
    }

    /** Tries to open a lost device again, unless that is under way or was tried a moment ago. */
    synchronized void tryAgain() {
        if (fault != null && !recovering && nanoTime.getAsLong() - lastAttempt >= RETRY_NANOS) {
            recovering = true;
            executor.execute(this::reopen);
        }
    }

    /** Hands out no more leases; the device is freed when the last one is closed. A lost one is remembered as lost. */
    synchronized void retire() {
        retired = true;
        if (device != null) {
            device.retire();
            device = null;
        }
    }

    private SharedDevice share(final Backend backend) {
        return new SharedDevice(backend, permits, this::takeOut, executor);
    }

    private synchronized void takeOut(final SharedDevice lost) {
        if (device != lost) {
            return;
        }
        device = null;
        recovering = true;
        final String reason = lost.loss().orElse("for an unknown reason");
        fault = "the device failed and is being opened anew: " + reason;
        logger.error("The device failed and is taken out; what was running on it returns to its queue, and it is "
                + "opened anew when nobody computes on it any more. {}", reason);
        lost.abandon("the device failed: " + reason, () -> executor.execute(() -> {
            closeQuietly(lost);
            reopen();
        }));
    }

    private void closeQuietly(final SharedDevice lost) {
        try {
            lost.closeBackend();
        } catch (final RuntimeException e) {
            logger.warn("The failed device could not be closed in order: {}", e.getMessage(), e);
        }
    }

    /** Retired meanwhile, it is only tried whether the device can be opened. */
    private void reopen() {
        try {
            final Backend backend = opener.get();
            final boolean wanted = adopt(backend);
            if (wanted) {
                logger.warn("The device is open again: {}. Models are loaded anew when they are next used",
                        backend.describe());
            } else {
                backend.close();
            }
        } catch (final RuntimeException | LinkageError e) {
            giveUp(e);
        }
    }

    private synchronized boolean adopt(final Backend backend) {
        recovering = false;
        fault = null;
        if (!retired) {
            device = share(backend);
        }
        return !retired;
    }

    private synchronized void giveUp(final Throwable reason) {
        recovering = false;
        lastAttempt = nanoTime.getAsLong();
        fault = "the device was lost and cannot be opened anew: " + reason.getMessage() + "; FlowFiles wait until it "
                + "can; look at nvidia-smi, and restart NiFi if the device is well there";
        logger.error("The device was lost and cannot be opened anew; FlowFiles wait in their queues, and it is tried "
                + "again when they are. {}", reason.getMessage(), reason);
    }
}
