package io.qwenimage.broken.pipeline;

import io.qwenimage.broken.nifi.processors.OpenProcessor;
import org.apache.nifi.logging.ComponentLog;

/** Knows NiFi and loads a native library by itself. */
public final class StandardQwenImagePipeline {
    private StandardQwenImagePipeline() {
    }

    static Class<?>[] knows() {
        System.loadLibrary("absent");
        return new Class<?>[] {ComponentLog.class, OpenProcessor.class};
    }
}
