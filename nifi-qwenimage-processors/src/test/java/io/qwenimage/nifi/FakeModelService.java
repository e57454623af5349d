package io.qwenimage.nifi;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.nifi.services.ModelLease;
import io.qwenimage.nifi.services.QwenImageModelService;
import io.qwenimage.pipeline.QwenImagePipeline;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.nifi.controller.AbstractControllerService;

/** Lends a fake pipeline and counts. */
public final class FakeModelService extends AbstractControllerService implements QwenImageModelService {
    private final FakePipeline pipeline;
    private final AtomicInteger leases = new AtomicInteger();
    private final AtomicInteger open = new AtomicInteger();
    private RuntimeException refusal;

    public FakeModelService(final FakePipeline pipeline) {
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

    @Override
    public ModelLease<QwenImagePipeline> acquire(final Cancellation cancellation) {
        if (refusal != null) {
            throw refusal;
        }
        cancellation.check();
        leases.incrementAndGet();
        open.incrementAndGet();
        return new ModelLease<>() {
            @Override
            public QwenImagePipeline pipeline() {
                return pipeline;
            }

            @Override
            public void close() {
                open.decrementAndGet();
            }
        };
    }
}
