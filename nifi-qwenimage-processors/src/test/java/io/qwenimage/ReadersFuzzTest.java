package io.qwenimage;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import com.sun.management.ThreadMXBean;
import io.qwenimage.model.ConfigFile;
import io.qwenimage.pipeline.Bundle;
import io.qwenimage.pipeline.Bundles;
import io.qwenimage.pipeline.DataException;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tokenizer.Tokenizer;
import io.qwenimage.weights.SafetensorsFile;
import io.qwenimage.weights.SafetensorsWriter;
import io.qwenimage.weights.ShardedWeights;
import io.qwenimage.weights.WeightException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Damaged input of every reader: it is read, or refused by the exception that the reader promises, without taking much
 * memory and without end. A failure prints the seed of its case, which {@link Mutator} turns into the same bytes.
 */
@Timeout(300)
class ReadersFuzzTest {
    /** Far above what reading some kilobytes takes, far below what a believed size would take. */
    private static final long MOST_BYTES = 32 << 20;
    private static final Path TOKENIZERS = Path.of("src/test/resources/goldens/models");

    @TempDir
    private Path folder;

    @Test
    void safetensorsFiles() throws IOException {
        final byte[] valid = safetensors(Map.of("format", "pt"));
        final Path file = folder.resolve("model.safetensors");
        fuzz(2000, WeightException.class, seed -> {
            write(file, seed % 4 == 0 ? new Mutator(seed).mutate(valid) : new Mutator(seed).mutateHeader(valid));
            try (SafetensorsFile weights = SafetensorsFile.open(file)) {
                for (final String name : weights.names()) {
                    if (weights.info(name).dtype().isFloating()) {
                        weights.tensor(name).toFloats();
                    }
                }
            }
        });
    }

    @Test
    void bundles() throws IOException {
        final byte[] valid = safetensors(Map.of(Bundle.FORMAT_KEY, Bundle.FORMAT, "prompt", "風箏"));
        fuzz(4000, DataException.class, seed -> Bundles.read(
                seed % 4 == 0 ? new Mutator(seed).mutate(valid) : new Mutator(seed).mutateHeader(valid)));
    }

    @Test
    void indexes() throws IOException {
        write(folder.resolve("1.safetensors"), safetensors(Map.of()));
        final byte[] valid = ("{\"metadata\": {\"total_size\": 72}, \"weight_map\": {\"ids\": \"1.safetensors\", "
                + "\"latents\": \"1.safetensors\", \"nothing\": \"1.safetensors\", \"scalar\": \"1.safetensors\"}}")
                .getBytes(StandardCharsets.UTF_8);
        final Path index = folder.resolve("model.safetensors.index.json");
        fuzz(2000, WeightException.class, seed -> {
            write(index, new Mutator(seed).mutate(valid));
            try (ShardedWeights weights = ShardedWeights.open(index)) {
                weights.names().forEach(weights::tensor);
            }
        });
    }

    @Test
    void configurations() throws IOException {
        final byte[] valid = Files.readAllBytes(
                TOKENIZERS.resolve("published-bf16-sharded/text_encoder/config.json"));
        final List<Consumer<Map.Entry<ConfigFile, String>>> accessors = List.of(
                e -> e.getKey().intAt(e.getValue()), e -> e.getKey().countAt(e.getValue(), 1),
                e -> e.getKey().doubleAt(e.getValue()), e -> e.getKey().booleanAt(e.getValue()),
                e -> e.getKey().stringAt(e.getValue()), e -> e.getKey().intsAt(e.getValue()),
                e -> e.getKey().doublesAt(e.getValue()), e -> e.getKey().booleansAt(e.getValue()),
                e -> e.getKey().stringsAt(e.getValue()), e -> e.getKey().sub(e.getValue()));
        fuzz(3000, WeightException.class, seed -> {
            final ConfigFile config = ConfigFile.parse("config.json", new Mutator(seed).mutate(valid));
            final List<String> keys = config.keys();
            if (!keys.isEmpty()) {
                accessors.get((int) (seed % accessors.size())).accept(Map.entry(config,
                        keys.get((int) (seed / accessors.size() % keys.size()))));
            }
        });
    }

    @Test
    void tokenizersInOneFile() throws IOException {
        final byte[] valid = Files.readAllBytes(TOKENIZERS.resolve("nested-f32/tokenizer/tokenizer.json"));
        fuzz(500, WeightException.class, seed -> {
            write(folder.resolve("tokenizer.json"), new Mutator(seed).mutate(valid));
            useTokenizer();
        });
    }

    @Test
    void tokenizersInSeveralFiles() throws IOException {
        final List<String> names = List.of("vocab.json", "merges.txt", "added_tokens.json", "special_tokens_map.json",
                "tokenizer_config.json");
        final Map<String, byte[]> valid = new LinkedHashMap<>();
        for (final String name : names) {
            valid.put(name, Files.readAllBytes(TOKENIZERS.resolve("published-bf16-sharded/tokenizer").resolve(name)));
            write(folder.resolve(name), valid.get(name));
        }
        fuzz(500, WeightException.class, seed -> {
            final String name = names.get((int) (seed % names.size()));
            write(folder.resolve(name), new Mutator(seed).mutate(valid.get(name)));
            try {
                useTokenizer();
            } finally {
                write(folder.resolve(name), valid.get(name));
            }
        });
    }

    private void useTokenizer() {
        try (Tokenizer tokenizer = Tokenizer.open(folder)) {
            tokenizer.decode(tokenizer.encode("<|im_start|>A red kite, 通义千问 🪁\n\n  1e5 it's<|im_end|>"));
        }
    }

    /** A case of a fuzz test; may also fail to write its file. */
    private interface Case {
        void run(long seed) throws IOException;
    }

    private static void fuzz(final int cases, final Class<? extends RuntimeException> promised, final Case body) {
        final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        int refused = 0;
        for (long seed = 0; seed < cases; seed++) {
            final long before = threads.getCurrentThreadAllocatedBytes();
            try {
                body.run(seed);
            } catch (RuntimeException e) {
                if (!promised.isInstance(e) || e.getMessage() == null || e.getMessage().length() > 4000) {
                    fail("seed " + seed + " was refused by " + e, e);
                }
                refused++;
            } catch (IOException | Error e) {
                fail("seed " + seed + " ended in " + e, e);
            }
            final long allocated = threads.getCurrentThreadAllocatedBytes() - before;
            assertTrue(allocated < MOST_BYTES, "seed " + seed + " took " + allocated + " bytes");
        }
        final int most = refused;
        assertTrue(refused > cases / 4 && refused < cases, () -> most + " of " + cases
                + " cases were refused: the damage is too mild or too coarse to test the reader");
    }

    private static byte[] safetensors(final Map<String, String> metadata) throws IOException {
        final Map<String, HostTensor> tensors = new LinkedHashMap<>();
        tensors.put("latents", HostTensor.ofFloats(Shape.of(2, 3), 1, 2, 3, 4, 5, 6));
        tensors.put("ids", HostTensor.ofLongs(Shape.of(4), 1, 2, 3, 4));
        tensors.put("nothing", HostTensor.ofFloats(Shape.of(0, 5)));
        tensors.put("scalar", HostTensor.ofFloats(Shape.of(), 7));
        final ByteArrayOutputStream out = new ByteArrayOutputStream();
        SafetensorsWriter.write(out, tensors, metadata);
        return out.toByteArray();
    }

    private static void write(final Path file, final byte[] bytes) {
        try {
            Files.write(file, bytes);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }
}
