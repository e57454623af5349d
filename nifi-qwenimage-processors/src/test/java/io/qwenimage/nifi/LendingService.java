package io.qwenimage.nifi;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.nifi.services.ModelLease;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.nifi.controller.AbstractControllerService;

/**
 * Lends a stand-in for a pipeline and counts.
 *
 * @param <P> the kind of pipeline
 */
public abstract class LendingService<P> extends AbstractControllerService {
    private final P pipeline;
    private final AtomicInteger leases = new AtomicInteger();
    private final AtomicInteger open = new AtomicInteger();
    private RuntimeException refusal;

    LendingService(final P pipeline) {
        this.pipeline = pipeline;
    }

    /** Lends nothing from now on. */
    public void refuse(final RuntimeException reason) {
        refusal = reason;
    }

    /** How many leases were handed out. */
    public int leases() {
        return leases.get();
    }

    /** How many leases were not handed back. */
    public int open() {
        return open.get();
    }

    /** Lends the stand-in; see the services' interfaces. */
    public ModelLease<P> acquire(final Cancellation cancellation) {
        if (refusal != null) {
            throw refusal;
        }
        cancellation.check();
        leases.incrementAndGet();
        open.incrementAndGet();
        return new ModelLease<>() {
            @Override
            public P pipeline() {
                return pipeline;
            }

            @Override
            public void close() {
                open.decrementAndGet();
            }
        };
    }
}
