package io.qwenimage.nifi;

import io.qwenimage.nifi.services.QwenImageModelService;
import io.qwenimage.pipeline.QwenImagePipeline;

/** Lends a fake pipeline and counts. */
public final class FakeModelService extends LendingService<QwenImagePipeline> implements QwenImageModelService {
    public FakeModelService(final FakePipeline pipeline) {
        super(pipeline);
    }
}
