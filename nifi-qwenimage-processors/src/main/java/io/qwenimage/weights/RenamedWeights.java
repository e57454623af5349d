package io.qwenimage.weights;

import io.qwenimage.tensor.HostTensor;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * A checkpoint under other names: the longest matching prefix of each name is replaced. Published folders of one
 * architecture differ in their prefixes, and a model states in one table how they map onto the names of its fields.
 * Closing this closes what lies below.
 */
public final class RenamedWeights implements WeightSource {
    private final WeightSource source;
    private final Map<String, String> sourceNames;

    /**
     * A view of a checkpoint.
     *
     * @param prefixes published prefix to prefix of the model, for instance {@code "model.language_model."} to
     *                 {@code "model."}; names that match none stay as they are
     * @throws WeightException if two tensors would get the same name
     */
    public RenamedWeights(final WeightSource source, final Map<String, String> prefixes) {
        this.source = Objects.requireNonNull(source);
        final Map<String, String> names = new LinkedHashMap<>();
        for (final String name : source.names()) {
            final String other = names.put(rename(name, prefixes), name);
            if (other != null) {
                throw new WeightException(source.origin() + " holds both " + other + " and " + name
                        + ", two names of one tensor. Use a checkpoint saved by one library");
            }
        }
        this.sourceNames = Collections.unmodifiableMap(names);
    }

    @Override
    public Set<String> names() {
        return sourceNames.keySet();
    }

    @Override
    public Info info(final String name) {
        return source.info(sourceName(name));
    }

    @Override
    public HostTensor tensor(final String name) {
        return source.tensor(sourceName(name));
    }

    /**
     * The published name of a tensor.
     *
     * @throws WeightException if there is no tensor of that name
     */
    public String sourceName(final String name) {
        final String sourceName = sourceNames.get(name);
        if (sourceName == null) {
            throw new WeightException("tensor " + name + " is missing from " + source.origin()
                    + "; the folder is incomplete or belongs to another architecture");
        }
        return sourceName;
    }

    @Override
    public String origin() {
        return source.origin();
    }

    @Override
    public void close() {
        source.close();
    }

    private static String rename(final String name, final Map<String, String> prefixes) {
        String longest = "";
        for (final String prefix : prefixes.keySet()) {
            if (name.startsWith(prefix) && prefix.length() > longest.length()) {
                longest = prefix;
            }
        }
        return longest.isEmpty() ? name : prefixes.get(longest) + name.substring(longest.length());
    }
}
