package io.qwenimage.weights;

import io.qwenimage.tensor.HostTensor;
import java.nio.ByteBuffer;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;

/**
 * Names, types and shapes without data: what a model asks for can be compared with what a checkpoint has before any of
 * it is read. Every tensor reads as zeros, which all share one buffer. Not safe for several threads.
 */
public final class IndexOnlyWeights implements WeightSource {
    private final String origin;
    private final Map<String, Info> infos;
    private final Set<String> requested = new LinkedHashSet<>();
    private ByteBuffer zeros = ByteBuffer.allocateDirect(0);

    public IndexOnlyWeights(final String origin, final Map<String, Info> infos) {
        this.origin = origin;
        this.infos = Collections.unmodifiableMap(new LinkedHashMap<>(infos));
    }

    /** The index of a checkpoint; tensors of types without support are refused. */
    public static IndexOnlyWeights of(final WeightSource source) {
        final Map<String, Info> infos = new LinkedHashMap<>();
        for (final String name : source.names()) {
            infos.put(name, source.info(name));
        }
        return new IndexOnlyWeights(source.origin(), infos);
    }

    @Override
    public Set<String> names() {
        return infos.keySet();
    }

    @Override
    public Info info(final String name) {
        final Info info = infos.get(name);
        if (info == null) {
            throw new WeightException("tensor " + name + " is missing from " + origin
                    + "; the index is incomplete or belongs to another architecture");
        }
        return info;
    }

    @Override
    public HostTensor tensor(final String name) {
        final Info info = info(name);
        final int bytes = Math.toIntExact(info.shape().elements() * info.dtype().bytes());
        if (zeros.capacity() < bytes) {
            zeros = ByteBuffer.allocateDirect(bytes);
        }
        requested.add(name);
        return new HostTensor(info.shape(), info.dtype(), zeros.slice(0, bytes).asReadOnlyBuffer());
    }

    /** The names whose tensors were asked for, in that order. */
    public Set<String> requested() {
        return Collections.unmodifiableSet(requested);
    }

    @Override
    public String origin() {
        return origin;
    }

    @Override
    public void close() {
        zeros = ByteBuffer.allocateDirect(0);
    }
}
