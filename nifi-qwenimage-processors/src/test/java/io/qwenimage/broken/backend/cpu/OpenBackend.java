package io.qwenimage.broken.backend.cpu;

import io.qwenimage.broken.nifi.processors.OpenProcessor;
import org.bytedeco.javacpp.Pointer;

/** Owns native memory without a way to free it, and knows a processor. */
public final class OpenBackend {
    private final Pointer pointer = new Pointer();

    @Override
    public String toString() {
        return pointer + " " + OpenProcessor.class;
    }
}
