package io.qwenimage.weights;

import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import java.util.Objects;

/**
 * A place in a checkpoint's tree of names: {@code scope.sub("img_mod").tensor("weight", shape)}. Fields of a model are
 * spelled as in the checkpoint, so that a field's path is a tensor's name.
 */
public final class WeightScope {
    private final WeightSource source;
    private final String prefix;

    private WeightScope(final WeightSource source, final String prefix) {
        this.source = Objects.requireNonNull(source);
        this.prefix = prefix;
    }

    /** The root of a checkpoint. */
    public static WeightScope of(final WeightSource source) {
        return new WeightScope(source, "");
    }

    /** The scope below a name; dots may separate several steps. */
    public WeightScope sub(final String name) {
        return new WeightScope(source, prefix + name + ".");
    }

    /** The scope below an entry of a module list. */
    public WeightScope sub(final int index) {
        return sub(Integer.toString(index));
    }

    /** Whether a tensor is there. */
    public boolean has(final String name) {
        return source.names().contains(prefix + name);
    }

    /** Full name of a tensor in this scope, for messages. */
    public String path(final String name) {
        return prefix + name;
    }

    /**
     * A tensor of this scope.
     *
     * @param extents the shape that the configuration demands
     * @throws WeightException if it is missing or has another shape; the message has the full path and both shapes
     */
    public HostTensor tensor(final String name, final long... extents) {
        final String path = path(name);
        if (!has(name)) {
            throw new WeightException("tensor " + path + " " + Shape.of(extents) + " is missing from "
                    + source.origin() + "; the folder is incomplete or belongs to another architecture");
        }
        final Shape expected = Shape.of(extents);
        final WeightSource.Info info = source.info(path);
        if (!info.shape().equals(expected)) {
            throw new WeightException("tensor " + path + " of " + source.origin() + " has shape " + info.shape()
                    + " but config.json asks for " + expected + "; weights and config.json do not belong together");
        }
        return source.tensor(path);
    }
}
