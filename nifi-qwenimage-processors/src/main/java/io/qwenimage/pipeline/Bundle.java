package io.qwenimage.pipeline;

import io.qwenimage.tensor.HostTensor;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * What passes between the stages: named tensors and metadata, stored as plain safetensors so that any safetensors
 * library reads it. Immutable.
 */
public final class Bundle {
    /** Value of the metadata key {@value #FORMAT_KEY} in every bundle. */
    public static final String FORMAT = "qwenimage-bundle/1";
    /** Metadata key of the format. */
    public static final String FORMAT_KEY = "format";
    /** Metadata key of the {@link ModelCard#id()} that made the bundle. */
    public static final String MODEL_KEY = "model";
    /** MIME type of a bundle. */
    public static final String MIME_TYPE = "application/x-safetensors";

    private final Map<String, HostTensor> tensors;
    private final Map<String, String> metadata;

    public Bundle(final Map<String, HostTensor> tensors, final Map<String, String> metadata) {
        this.tensors = Collections.unmodifiableMap(new LinkedHashMap<>(tensors));
        this.metadata = Collections.unmodifiableMap(new LinkedHashMap<>(metadata));
    }

    /** Tensors by name. */
    public Map<String, HostTensor> tensors() {
        return tensors;
    }

    /** Strings by key. */
    public Map<String, String> metadata() {
        return metadata;
    }

    /** Whether a tensor is there. */
    public boolean has(final String name) {
        return tensors.containsKey(name);
    }

    /**
     * A tensor.
     *
     * @throws DataException if the bundle has none of that name; says what it has
     */
    public HostTensor tensor(final String name) {
        final HostTensor tensor = tensors.get(name);
        if (tensor == null) {
            throw new DataException("the bundle has no tensor " + name + "; it holds " + tensors.keySet()
                    + ". Send it through the stage that makes " + name + " first");
        }
        return tensor;
    }

    /** This bundle with more tensors and metadata; equal names are replaced. */
    public Bundle with(final Map<String, HostTensor> moreTensors, final Map<String, String> moreMetadata) {
        final Map<String, HostTensor> allTensors = new LinkedHashMap<>(tensors);
        allTensors.putAll(moreTensors);
        final Map<String, String> allMetadata = new LinkedHashMap<>(metadata);
        allMetadata.putAll(moreMetadata);
        return new Bundle(allTensors, allMetadata);
    }

    /** This bundle without tensors and metadata of these names. */
    public Bundle without(final Set<String> names) {
        final Map<String, HostTensor> fewerTensors = new LinkedHashMap<>(tensors);
        fewerTensors.keySet().removeAll(names);
        final Map<String, String> lessMetadata = new LinkedHashMap<>(metadata);
        lessMetadata.keySet().removeAll(names);
        return new Bundle(fewerTensors, lessMetadata);
    }
}
