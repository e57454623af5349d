package io.qwenimage.weights;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CheckpointsTest {
    private static final String INDEX = "model.safetensors.index.json";

    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"model.safetensors", "diffusion_pytorch_model.safetensors", "model.fp16.safetensors",
        "diffusion_pytorch_model.bf16.safetensors", "model.fp8_e4m3fn.safetensors"})
    void findsASingleFile(final String name) throws IOException {
        shard(name, "a");
        Files.createFile(folder.resolve("config.json"));
        try (WeightSource weights = Checkpoints.open(folder)) {
            assertArrayEquals(new float[] {1f}, weights.tensor("a").toFloats());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {INDEX, "diffusion_pytorch_model.safetensors.index.json",
        "model.safetensors.index.fp16.json"})
    void findsAnIndex(final String name) throws IOException {
        index(name, Map.of("a", "x-00001-of-00002.safetensors", "b", "x-00002-of-00002.safetensors"));
        shard("x-00001-of-00002.safetensors", "a");
        shard("x-00002-of-00002.safetensors", "b");
        try (WeightSource weights = Checkpoints.open(folder)) {
            assertEquals(Set.of("a", "b"), weights.names());
            assertArrayEquals(new float[] {1f}, weights.tensor("b").toFloats());
        }
    }

    @Test
    void prefersThePlainNameAndThenTheTrainedType() throws IOException {
        shard("model.fp16.safetensors", "half");
        shard("model.bf16.safetensors", "brain");
        assertEquals("model.bf16.safetensors", Checkpoints.find(folder).getFileName().toString());
        shard("model.safetensors", "plain");
        assertEquals("model.safetensors", Checkpoints.find(folder).getFileName().toString());
    }

    @Test
    void refusesFoldersWithoutOneCheckpointAndSaysWhy() throws IOException {
        refused(() -> Checkpoints.open(folder.resolve("absent")), "absent cannot be listed");
        refused(() -> Checkpoints.open(folder), "holds no checkpoint");
        Files.createFile(folder.resolve("pytorch_model.bin"));
        refused(() -> Checkpoints.open(folder), "pytorch_model.bin", "safe_serialization");
        shard("model-00001-of-00003.safetensors", "a");
        refused(() -> Checkpoints.open(folder), "holds 1 shards", "no index");
        shard("model.one.safetensors", "a");
        shard("model.two.safetensors", "a");
        refused(() -> Checkpoints.open(folder), "model.one.safetensors", "Keep one of them");
        shard("model.safetensors", "a");
        shard("diffusion_pytorch_model.safetensors", "a");
        refused(() -> Checkpoints.open(folder), "diffusion_pytorch_model.safetensors", "Keep one of them");
    }

    @Test
    void listsEveryMissingShard() throws IOException {
        index(INDEX, Map.of("a", "1.safetensors", "b", "2.safetensors", "c", "3.safetensors"));
        shard("2.safetensors", "b");
        refused(() -> Checkpoints.open(folder), "names 3 files, of which 2 are missing", "1.safetensors",
                "3.safetensors");
    }

    @Test
    void refusesAnIndexThatDisagreesWithItsShards() throws IOException {
        index(INDEX, Map.of("a", "1.safetensors", "b", "1.safetensors"));
        shard("1.safetensors", "a", "c");
        refused(() -> Checkpoints.open(folder), "1.safetensors lacks 1 tensors (b)", "has beside the index 1 tensors (c)");
    }

    @ParameterizedTest
    @ValueSource(strings = {"../x.safetensors", "/x.safetensors", "sub/x.safetensors", "..\\\\x.safetensors",
        "C:x.safetensors", "..", "", ".safetensors", "x.bin", "x\\u0000.safetensors", "x\\ny.safetensors"})
    void refusesNamesThatReachOutsideTheFolder(final String name) throws IOException {
        Files.writeString(folder.resolve(INDEX), "{\"weight_map\": {\"a\": \"" + name + "\"}}");
        refused(() -> Checkpoints.open(folder), "places tensor a in", "in the same folder");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "[]", "{}", "{\"weight_map\": []}", "{\"weight_map\": {}}", "{\"weight_map\": {\"a\": 1}}",
        "{\"weight_map\": {\"a\": \"1.safetensors\", \"a\": \"1.safetensors\"}}", "{} {}", "{\"weight_map\": null}"})
    void refusesADamagedIndex(final String json) throws IOException {
        Files.writeString(folder.resolve(INDEX), json);
        refused(() -> Checkpoints.open(folder), INDEX, "Download the index again");
    }

    @Test
    void followsTheLinksOfAHuggingFaceCache(@TempDir final Path blobs) throws IOException {
        shard("1.safetensors", "a");
        Files.move(folder.resolve("1.safetensors"), blobs.resolve("d0c5"));
        Files.createSymbolicLink(folder.resolve("1.safetensors"), blobs.resolve("d0c5"));
        index(INDEX, Map.of("a", "1.safetensors"));
        try (WeightSource weights = Checkpoints.open(folder)) {
            assertEquals(Set.of("a"), weights.names());
        }
        Files.delete(blobs.resolve("d0c5"));
        refused(() -> Checkpoints.open(folder), "1.safetensors");
    }

    @Test
    void aScopeNamesWhatIsMissingAndBothShapesWhereTheyDiffer() throws IOException {
        shard("model.safetensors", "layers.0.weight");
        try (WeightSource weights = Checkpoints.open(folder)) {
            final WeightScope scope = WeightScope.of(weights).sub("layers").sub(0);
            assertEquals(Shape.of(1), scope.tensor("weight", 1).shape());
            refused(() -> scope.tensor("weight", 3, 2), "layers.0.weight", "[1]", "[3, 2]");
            refused(() -> scope.tensor("bias", 1), "layers.0.bias", "is missing");
        }
    }

    private void shard(final String file, final String... names) throws IOException {
        final Map<String, HostTensor> tensors = new LinkedHashMap<>();
        for (final String name : names) {
            tensors.put(name, HostTensor.ofFloats(Shape.of(1), 1f));
        }
        try (OutputStream out = Files.newOutputStream(folder.resolve(file))) {
            SafetensorsWriter.write(out, tensors, Map.of("format", "pt"));
        }
    }

    private void index(final String file, final Map<String, String> weightMap) throws IOException {
        final StringBuilder json = new StringBuilder("{\"metadata\": {\"total_size\": 8}, \"weight_map\": {");
        weightMap.forEach((name, shard) -> json.append(json.charAt(json.length() - 1) == '{' ? "" : ", ")
                .append('"').append(name).append("\": \"").append(shard).append('"'));
        Files.writeString(folder.resolve(file), json.append("}}"));
    }

    private static void refused(final Executable action, final String... parts) {
        final WeightException e = assertThrows(WeightException.class, action);
        for (final String part : parts) {
            assertTrue(e.getMessage().contains(part), () -> "'" + part + "' in: " + e.getMessage());
        }
    }
}
