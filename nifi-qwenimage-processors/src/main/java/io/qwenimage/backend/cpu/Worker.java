package io.qwenimage.backend.cpu;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.bytedeco.dnnl.engine;
import org.bytedeco.dnnl.stream;
import org.bytedeco.javacpp.Pointer;

/**
 * What one worker thread owns: a oneDNN stream, primitives with their arguments, scratch memory. Nothing here is
 * shared: a primitive used by two threads at once gives wrong results.
 */
final class Worker implements AutoCloseable {
    private static final int CALLS_KEPT = 256;
    private static final int ALIGNMENT = 64;

    private final engine engine = new engine(org.bytedeco.dnnl.engine.kind.cpu, 0);
    private final stream stream = new stream(engine);
    private final LinkedHashMap<Object, Call> calls = new LinkedHashMap<>(64, 0.75f, true);
    private final List<Scratch> scratch = new ArrayList<>();
    private final List<float[]> floats = new ArrayList<>();
    private final List<short[]> shorts = new ArrayList<>();

    /** The processor as oneDNN sees it. */
    engine engine() {
        return engine;
    }

    /** The queue that calls run on. */
    stream stream() {
        return stream;
    }

    /**
     * The prepared call for a key, made on first use; the least recently used ones are dropped.
     *
     * @param key value object that says everything the call depends on
     */
    <K> Call call(final K key, final Function<K, Call> maker) {
        final Call known = calls.get(key);
        if (known != null) {
            return known;
        }
        final Call made = maker.apply(key);
        calls.put(key, made);
        if (calls.size() > CALLS_KEPT) {
            final Map.Entry<Object, Call> eldest = calls.entrySet().iterator().next();
            eldest.getValue().close();
            calls.remove(eldest.getKey());
        }
        return made;
    }

    /**
     * Native scratch memory, aligned to a cache line, valid until the next request for the same slot.
     *
     * @param slot keeps scratch areas used at the same time apart
     */
    long scratch(final int slot, final long bytes) {
        while (scratch.size() <= slot) {
            scratch.add(new Scratch());
        }
        return scratch.get(slot).atLeast(bytes);
    }

    /** An array of at least {@code count} floats, valid until the next request for the same slot. */
    float[] floats(final int slot, final int count) {
        while (floats.size() <= slot) {
            floats.add(new float[0]);
        }
        if (floats.get(slot).length < count) {
            floats.set(slot, new float[count]);
        }
        return floats.get(slot);
    }

    /** An array of at least {@code count} shorts, valid until the next request for the same slot. */
    short[] shorts(final int slot, final int count) {
        while (shorts.size() <= slot) {
            shorts.add(new short[0]);
        }
        if (shorts.get(slot).length < count) {
            shorts.set(slot, new short[count]);
        }
        return shorts.get(slot);
    }

    @Override
    public void close() {
        calls.values().forEach(Call::close);
        calls.clear();
        scratch.forEach(Scratch::close);
        stream.close();
        engine.close();
    }

    private static final class Scratch implements AutoCloseable {
        private Pointer raw;
        private long bytes;

        long atLeast(final long wanted) {
            if (wanted > bytes) {
                close();
                raw = Pointer.malloc(wanted + ALIGNMENT);
                if (raw == null || raw.isNull()) {
                    throw new io.qwenimage.backend.ResourceExhaustedException("scratch memory of " + wanted
                            + " bytes was refused by the operating system; stop other programs");
                }
                bytes = wanted;
            }
            return raw == null ? 0 : (raw.address() + ALIGNMENT - 1) & -ALIGNMENT;
        }

        @Override
        public void close() {
            if (raw != null) {
                Pointer.free(raw);
                raw = null;
                bytes = 0;
            }
        }
    }
}
