package io.qwenimage.kernels.standin;

import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.function.Predicate;
import jcuda.driver.CUresult;

/** Numbers that the stand-in gives out for its objects; none comes twice. */
final class Handles {
    private static final long FIRST = 0x5100_0000_0000L;
    private static final long STEP = 64;

    private final Map<Long, Object> objects = new HashMap<>();
    private long next = FIRST;

    long open(final Object object) {
        final long handle = next;
        next += STEP;
        objects.put(handle, object);
        return handle;
    }

    <T> T get(final long handle, final Class<T> type) {
        final Object object = objects.get(handle);
        if (!type.isInstance(object)) {
            final String what = type.getSimpleName().replace("Posed", "").toLowerCase(Locale.ROOT);
            throw new Refusal(CUresult.CUDA_ERROR_INVALID_HANDLE, "0x" + Long.toHexString(handle)
                    + (handle >= FIRST && handle < next && object == null ? " has been closed already"
                    : " is no " + what));
        }
        return type.cast(object);
    }

    <T> T close(final long handle, final Class<T> type) {
        final T object = get(handle, type);
        objects.remove(handle);
        return object;
    }

    /** How many objects of a kind are open. */
    long count(final Class<?> type) {
        return objects.values().stream().filter(type::isInstance).count();
    }

    void closeAll(final Predicate<Object> which) {
        objects.values().removeIf(which);
    }
}
