package io.qwenimage.ptx.execution;

import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;

/** State that families of instructions keep with a warp, a block or a cluster: one object for each class. */
public final class Attachments {
    private final Map<Class<?>, Object> objects = new HashMap<>();

    /** The object of the class, made by the supplier when there is none yet. */
    public <T> T get(final Class<T> type, final Supplier<T> supplier) {
        return type.cast(objects.computeIfAbsent(type, t -> supplier.get()));
    }

    /** The object of the class, or null. */
    public <T> T find(final Class<T> type) {
        return type.cast(objects.get(type));
    }
}
