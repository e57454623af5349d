package io.qwenimage.nifi;

import io.qwenimage.nifi.services.QwenVisionLanguageModelService;
import io.qwenimage.pipeline.VisionLanguagePipeline;

/** Lends a fake vision-language pipeline and counts. */
public final class FakeVisionLanguageModelService extends LendingService<VisionLanguagePipeline>
        implements QwenVisionLanguageModelService {
    public FakeVisionLanguageModelService(final FakeVisionLanguagePipeline pipeline) {
        super(pipeline);
    }
}
