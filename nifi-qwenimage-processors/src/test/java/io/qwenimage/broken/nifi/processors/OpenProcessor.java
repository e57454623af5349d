package io.qwenimage.broken.nifi.processors;

import io.qwenimage.broken.model.first.OpenModel;
import io.qwenimage.broken.pipeline.StandardQwenImagePipeline;

/** Reaches past the services into the engine. */
public final class OpenProcessor {
    private OpenProcessor() {
    }

    static Class<?>[] knows() {
        return new Class<?>[] {OpenModel.class, StandardQwenImagePipeline.class};
    }
}
