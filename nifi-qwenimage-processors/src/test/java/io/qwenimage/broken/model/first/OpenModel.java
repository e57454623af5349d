package io.qwenimage.broken.model.first;

import io.qwenimage.broken.backend.cpu.OpenBackend;
import io.qwenimage.broken.model.second.SiblingModel;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.bytedeco.dnnl.engine;

/** Sees a backend's implementation, its library and another architecture, and keeps state for the whole process. */
public final class OpenModel {
    public static final AtomicInteger COUNT = new AtomicInteger();
    public static final int[] SIZES = {1, 2};
    static final List<String> NAMES = new ArrayList<>();
    static int last;

    private OpenModel() {
    }

    static Class<?>[] knows() {
        return new Class<?>[] {OpenBackend.class, SiblingModel.class, engine.class};
    }
}
