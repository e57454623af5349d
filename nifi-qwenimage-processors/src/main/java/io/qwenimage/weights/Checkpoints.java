package io.qwenimage.weights;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Finds a component's checkpoint in its folder, under the names that transformers and diffusers give it:
 * {@code model.safetensors} or {@code diffusion_pytorch_model.safetensors}, or either's index; if there is none, a
 * variant such as {@code model.fp16.safetensors} or {@code diffusion_pytorch_model.safetensors.index.fp16.json}.
 */
public final class Checkpoints {
    private static final String BASES = "(?:model|diffusion_pytorch_model)";
    private static final Pattern PLAIN = Pattern.compile(BASES + "\\.safetensors");
    private static final Pattern PLAIN_INDEX = Pattern.compile(BASES + "\\.safetensors\\.index\\.json");
    private static final Pattern VARIANT = Pattern.compile(BASES + "\\.(\\w+)\\.safetensors");
    private static final Pattern VARIANT_INDEX = Pattern.compile(BASES + "\\.safetensors\\.index\\.(\\w+)\\.json");
    /** The order in which variants are preferred; the type that the models were trained in comes first. */
    private static final List<String> VARIANTS = List.of("bf16", "fp16", "fp32");
    private static final Pattern SHARD = Pattern.compile(".*-\\d+-of-\\d+\\.safetensors");
    private static final Pattern OTHER_FORMAT = Pattern.compile(".*\\.(?:bin|pt|pth|ckpt|gguf|msgpack|h5|onnx)");

    private Checkpoints() {
    }

    /**
     * Opens a component's checkpoint.
     *
     * @param componentFolder for instance {@code transformer} of a pipeline folder
     * @throws WeightException if the folder has none, several variants without a known preference, only files of
     *                         another format, or a damaged one
     */
    public static WeightSource open(final Path componentFolder) {
        final Path file = find(componentFolder);
        return file.getFileName().toString().endsWith(".json") ? ShardedWeights.open(file) : SafetensorsFile.open(file);
    }

    /** The single file or the index that {@link #open} reads. */
    public static Path find(final Path componentFolder) {
        final List<String> names = list(componentFolder);
        for (final Pattern pattern : List.of(PLAIN, PLAIN_INDEX)) {
            final List<String> found = names.stream().filter(name -> pattern.matcher(name).matches()).toList();
            if (found.size() > 1) {
                throw new WeightException(componentFolder + " holds " + found
                        + ", and nothing says which to read. Keep one of them");
            }
            if (found.size() == 1) {
                return componentFolder.resolve(found.getFirst());
            }
        }
        return componentFolder.resolve(variant(componentFolder, names));
    }

    private static String variant(final Path folder, final List<String> names) {
        final List<String> found = names.stream().filter(name -> variantOf(name).isPresent()).toList();
        for (final String variant : VARIANTS) {
            final List<String> preferred = found.stream()
                    .filter(name -> variantOf(name).orElseThrow().equals(variant)).toList();
            if (preferred.size() == 1) {
                return preferred.getFirst();
            }
        }
        if (found.size() == 1) {
            return found.getFirst();
        }
        if (!found.isEmpty()) {
            throw new WeightException(folder + " holds the variants " + found
                    + ", and nothing says which to read. Keep one of them");
        }
        throw absence(folder, names);
    }

    private static Optional<String> variantOf(final String name) {
        for (final Pattern pattern : List.of(VARIANT, VARIANT_INDEX)) {
            final Matcher matcher = pattern.matcher(name);
            if (matcher.matches()) {
                return Optional.of(matcher.group(1));
            }
        }
        return Optional.empty();
    }

    private static WeightException absence(final Path folder, final List<String> names) {
        final List<String> shards = names.stream().filter(name -> SHARD.matcher(name).matches()).toList();
        if (!shards.isEmpty()) {
            return new WeightException(folder + " holds " + shards.size() + " shards (" + shards.getFirst()
                    + ", ...) but no index such as model.safetensors.index.json or "
                    + "diffusion_pytorch_model.safetensors.index.json. Download the index too");
        }
        final List<String> others = names.stream().filter(name -> OTHER_FORMAT.matcher(name).matches()).toList();
        if (!others.isEmpty()) {
            return new WeightException(folder + " holds " + others + " but no .safetensors file. Other formats are not "
                    + "read (pickled ones could run code); download the safetensors files or convert with "
                    + "save_pretrained(..., safe_serialization=True)");
        }
        return new WeightException(folder + " holds no checkpoint; expected is model.safetensors, "
                + "diffusion_pytorch_model.safetensors or an index of either. Download the component's weights");
    }

    private static List<String> list(final Path folder) {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        } catch (IOException e) {
            throw new WeightException(folder + " cannot be listed (" + e
                    + "); see that the folder exists and that this user may read it", e);
        }
    }
}
