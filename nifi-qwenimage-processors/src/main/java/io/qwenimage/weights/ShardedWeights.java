package io.qwenimage.weights;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.qwenimage.tensor.HostTensor;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * A checkpoint in several safetensors files under an index ({@code *.safetensors.index.json}), whose
 * {@code weight_map} says which file holds which tensor. Index and files must agree in both directions. A file's name
 * in the index is a plain name in the index's own folder; what it links to is not asked, since Hugging Face's cache
 * consists of links.
 */
public final class ShardedWeights implements WeightSource {
    /** Largest index that is read; that of a model with 100,000 tensors has about 10 MB. */
    public static final int MAXIMUM_INDEX_BYTES = 16 << 20;

    private static final int NAMES_IN_MESSAGE = 5;
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private final Path index;
    private final Map<String, String> shardOf;
    private final Map<String, SafetensorsFile> shards;

    private ShardedWeights(final Path index, final Map<String, String> shardOf,
            final Map<String, SafetensorsFile> shards) {
        this.index = index;
        this.shardOf = Collections.unmodifiableMap(shardOf);
        this.shards = Collections.unmodifiableMap(shards);
    }

    /**
     * Opens every file of an index.
     *
     * @throws WeightException if the index is damaged or names what is no file of its folder, if files are missing (all
     *                         are listed), or if a file lacks tensors of the index or has more
     */
    public static ShardedWeights open(final Path index) {
        final Map<String, String> shardOf = weightMap(index, read(index));
        final Path folder = index.toAbsolutePath().getParent();
        requireFiles(index, folder, new LinkedHashSet<>(shardOf.values()));
        final Map<String, SafetensorsFile> shards = new LinkedHashMap<>();
        for (final String shard : new LinkedHashSet<>(shardOf.values())) {
            shards.put(shard, SafetensorsFile.open(folder.resolve(shard)));
        }
        requireAgreement(index, shardOf, shards);
        return new ShardedWeights(index, shardOf, shards);
    }

    @Override
    public Set<String> names() {
        return shardOf.keySet();
    }

    @Override
    public Info info(final String name) {
        return shard(name).info(name);
    }

    @Override
    public HostTensor tensor(final String name) {
        return shard(name).tensor(name);
    }

    /** Files by name, in the order of the index. */
    public Map<String, SafetensorsFile> shards() {
        return shards;
    }

    @Override
    public String origin() {
        return index.toString();
    }

    @Override
    public void close() {
        shards.values().forEach(SafetensorsFile::close);
    }

    private SafetensorsFile shard(final String name) {
        final String shard = shardOf.get(name);
        if (shard == null) {
            throw new WeightException("tensor " + name + " is missing from " + index
                    + "; the folder is incomplete or belongs to another architecture");
        }
        return shards.get(shard);
    }

    private static JsonNode read(final Path index) {
        try (InputStream in = Files.newInputStream(index)) {
            final byte[] bytes = in.readNBytes(MAXIMUM_INDEX_BYTES + 1);
            if (bytes.length > MAXIMUM_INDEX_BYTES) {
                throw refusal(index, "has more than " + MAXIMUM_INDEX_BYTES + " bytes", null);
            }
            return JSON.readTree(bytes);
        } catch (JsonProcessingException e) {
            throw refusal(index, "is not valid JSON: " + e.getOriginalMessage(), e);
        } catch (IOException e) {
            throw refusal(index, "cannot be read (" + e + ")", e);
        }
    }

    private static Map<String, String> weightMap(final Path index, final JsonNode root) {
        final JsonNode weightMap = root == null ? null : root.get("weight_map");
        if (weightMap == null || !weightMap.isObject() || weightMap.isEmpty()) {
            throw refusal(index, "has no weight_map, an object that gives each tensor its file", null);
        }
        final Map<String, String> shardOf = new LinkedHashMap<>();
        for (final Map.Entry<String, JsonNode> entry : weightMap.properties()) {
            if (!entry.getValue().isTextual() || !isPlainName(index, entry.getValue().textValue())) {
                final String value = entry.getValue().toString();
                throw refusal(index, "places tensor " + entry.getKey() + " in " + value.substring(0,
                        Math.min(value.length(), 200)) + "; accepted is the name of a .safetensors file in the same "
                        + "folder, without a path", null);
            }
            shardOf.put(entry.getKey(), entry.getValue().textValue());
        }
        return shardOf;
    }

    private static boolean isPlainName(final Path index, final String name) {
        if (!name.endsWith(".safetensors") || name.startsWith(".")
                || name.chars().anyMatch(c -> c == '/' || c == '\\' || c == ':' || Character.isISOControl(c))) {
            return false;
        }
        try {
            return index.getFileSystem().getPath(name).getNameCount() == 1;
        } catch (InvalidPathException e) {
            return false;
        }
    }

    private static void requireFiles(final Path index, final Path folder, final Set<String> names) {
        final List<String> missing = names.stream().filter(name -> !Files.isRegularFile(folder.resolve(name))).toList();
        if (!missing.isEmpty()) {
            throw new WeightException(index + " names " + names.size() + " files, of which " + missing.size()
                    + " are missing from the folder: " + String.join(", ", missing) + ". Download them too");
        }
    }

    private static void requireAgreement(final Path index, final Map<String, String> shardOf,
            final Map<String, SafetensorsFile> shards) {
        final Map<String, Set<String>> expected = shardOf.entrySet().stream().collect(Collectors.groupingBy(
                Map.Entry::getValue, LinkedHashMap::new,
                Collectors.mapping(Map.Entry::getKey, Collectors.toCollection(LinkedHashSet::new))));
        final List<String> faults = new ArrayList<>();
        for (final Map.Entry<String, Set<String>> entry : expected.entrySet()) {
            final Set<String> present = shards.get(entry.getKey()).names();
            describe(faults, entry.getKey(), "lacks", difference(entry.getValue(), present));
            describe(faults, entry.getKey(), "has beside the index", difference(present, entry.getValue()));
        }
        if (!faults.isEmpty()) {
            throw new WeightException(index + " and its files do not agree: " + String.join("; ", faults)
                    + ". They belong to different revisions; download the folder again");
        }
    }

    private static List<String> difference(final Collection<String> all, final Set<String> without) {
        return all.stream().filter(name -> !without.contains(name)).toList();
    }

    private static void describe(final List<String> faults, final String shard, final String verb,
            final List<String> names) {
        if (!names.isEmpty()) {
            faults.add(shard + " " + verb + " " + names.size() + " tensors ("
                    + String.join(", ", names.subList(0, Math.min(NAMES_IN_MESSAGE, names.size())))
                    + (names.size() > NAMES_IN_MESSAGE ? ", ..." : "") + ")");
        }
    }

    private static WeightException refusal(final Path index, final String fault, final Throwable cause) {
        return new WeightException(index + " " + fault + ". Download the index again", cause);
    }
}
