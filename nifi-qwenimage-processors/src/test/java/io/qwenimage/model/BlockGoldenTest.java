package io.qwenimage.model;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Backends;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.model.language.LanguageConfig;
import io.qwenimage.model.language.LanguageModel;
import io.qwenimage.model.language.Positions;
import io.qwenimage.model.qwen25vl.Qwen25VlLanguage;
import io.qwenimage.model.qwenimage.PatchGrid;
import io.qwenimage.model.qwenimage.QwenImageConfig;
import io.qwenimage.model.qwenimage.QwenImageTransformer2DModel;
import io.qwenimage.model.qwenimagevae.LayerObserver;
import io.qwenimage.model.qwenimagevae.QwenImageDecoder;
import io.qwenimage.model.qwenimagevae.QwenImageEncoder;
import io.qwenimage.model.qwenimagevae.QwenImageVaeConfig;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import io.qwenimage.weights.Checkpoints;
import io.qwenimage.weights.SafetensorsFile;
import io.qwenimage.weights.WeightScope;
import io.qwenimage.weights.WeightSource;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;

/** Every network, block by block, against what diffusers and transformers computed; see goldens/README.md. */
@Tag("models")
final class BlockGoldenTest {
    private static final Path BLOCKS = Path.of("src/test/resources/goldens/blocks");

    /** One network's stored forward, and what of it has been compared. */
    private static final class Golden {
        private final Path file;
        private final Backend backend;
        private final ConfigFile description;
        private final WeightSource expected;
        private final Set<String> compared = new HashSet<>();
        private final Backends.Named named;
        private final double tolerance;

        Golden(final Path file, final Backends.Named named, final Backend backend, final WeightSource expected) {
            this.file = file;
            this.backend = backend;
            this.description = ConfigFile.read(file);
            this.expected = expected;
            this.named = named;
            this.tolerance = description.sub("tolerance").doubleAt("relative");
        }

        /** Compares [L, D] or [D]. */
        void compare(final String name, final Tensor actual) {
            compareHost(name, backend.download(actual));
        }

        /** Compares a picture [H, W, C] with the reference's [C, H, W]. */
        void comparePicture(final String name, final Tensor actual) {
            compareHost(name, channelsFirst(backend.download(actual)));
        }

        void compareHost(final String name, final HostTensor actual) {
            assertTrue(expected.names().contains(name), "no golden tensor " + name);
            named.assertClose(name, expected.tensor(name), actual, tolerance);
            compared.add(name);
        }

        HostTensor input(final String name) {
            return expected.tensor("input." + name);
        }

        Path component(final String name) {
            return BLOCKS.resolve(description.stringAt("model")).resolve(name);
        }

        void assertCompared(final int least) {
            assertTrue(compared.size() >= least, "compared only " + compared);
        }
    }

    @TestFactory
    List<DynamicTest> networksEqualTheReference() throws IOException {
        final List<DynamicTest> tests = new ArrayList<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(BLOCKS, "*.json")) {
            for (final Path file : files) {
                final String name = file.getFileName().toString();
                final List<Backends.Named> backends = new ArrayList<>(Backends.all());
                if (name.startsWith("vae_")) {
                    backends.addAll(Backends.cudaWithoutCudnn());
                }
                for (final Backends.Named backend : backends) {
                    tests.add(dynamicTest(name + " on " + backend, () -> check(file, backend)));
                }
            }
        }
        return tests;
    }

    private static void check(final Path file, final Backends.Named named) {
        final Path tensors = file.resolveSibling(file.getFileName().toString().replace(".json", ".safetensors"));
        try (Backend backend = named.open(); WeightSource expected = SafetensorsFile.open(tensors)) {
            final Golden golden = new Golden(file, named, backend, expected);
            switch (golden.description.stringAt("network")) {
                case "text_encoder" -> checkTextEncoder(golden);
                case "transformer" -> checkTransformer(golden);
                case "vae_decoder" -> checkDecoder(golden);
                case "vae_encoder" -> checkEncoder(golden);
                default -> throw new IllegalArgumentException(file + " describes no network that is known here");
            }
        }
    }

    private static void checkTextEncoder(final Golden golden) {
        final Path folder = golden.component("text_encoder");
        final LanguageConfig config = Qwen25VlLanguage.config(ConfigFile.read(folder.resolve("config.json")));
        try (WeightSource source = Checkpoints.open(folder); Arena arena = golden.backend.openArena("test")) {
            final LanguageModel model = new LanguageModel(
                    ModuleScope.of(golden.backend, arena, LanguageModel.scope(source)), config);
            final int[] ids = golden.description.intsAt("input_ids");
            final Tensor hidden = model.forward(arena, model.embed(arena, ids), Positions.text(0, ids.length), null,
                    LanguageModel.Deepstack.NONE, Cancellation.NEVER, golden::compare);
            golden.compare("norm", hidden);
        }
        golden.assertCompared(config.numHiddenLayers() + 2);
    }

    private static void checkTransformer(final Golden golden) {
        final Path folder = golden.component("transformer");
        final QwenImageConfig config = QwenImageConfig.read(ConfigFile.read(folder.resolve("config.json")));
        final PatchGrid grid = grid(golden);
        try (WeightSource source = Checkpoints.open(folder); Arena arena = golden.backend.openArena("test")) {
            final QwenImageTransformer2DModel model = new QwenImageTransformer2DModel(
                    ModuleScope.of(golden.backend, arena, WeightScope.of(source)), config);
            final QwenImageTransformer2DModel.TextContext context = model.textContext(arena,
                    golden.backend.upload(arena, golden.input("encoder_hidden_states")), grid);
            golden.compare("txt_in", context.embeddings());
            final Tensor latents = golden.backend.uploadExact(arena, golden.input("hidden_states"));
            final float timestep = golden.input("timestep").toFloats()[0];
            final QwenImageTransformer2DModel.BlockObserver observer = (name, image, text) -> {
                golden.compare(name.startsWith("transformer_blocks") ? name + ".hidden_states" : name, image);
                if (text != null) {
                    golden.compare(name + ".encoder_hidden_states", text);
                }
            };
            final Tensor times = model.modulations(arena, Cancellation.NEVER, observer, timestep);
            final Tensor output = model.forward(arena, latents, new QwenImageTransformer2DModel.StepModulation(
                    golden.backend.slice(times, 0, Shape.of(model.modulationValues())), null), context,
                    Cancellation.NEVER, observer);
            golden.compare("output", output);
        }
        // Each block has two streams, but of the last one nothing reads the text.
        golden.assertCompared(2 * config.numLayers() + 2);
    }

    private static PatchGrid grid(final Golden golden) {
        try {
            final JsonNode shape = new ObjectMapper().readTree(golden.file.toFile()).at("/img_shapes/0");
            return new PatchGrid(shape.get(1).asInt(), shape.get(2).asInt());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void checkDecoder(final Golden golden) {
        final Path folder = golden.component("vae");
        final QwenImageVaeConfig config = QwenImageVaeConfig.read(ConfigFile.read(folder.resolve("config.json")));
        try (WeightSource source = Checkpoints.open(folder); Arena arena = golden.backend.openArena("test")) {
            final QwenImageDecoder decoder = new QwenImageDecoder(
                    ModuleScope.of(golden.backend, arena, WeightScope.of(source)), config);
            final Tensor picture = decoder.forward(arena, golden.input("latents"), Cancellation.NEVER,
                    pictures(golden, "decoder.", "post_quant_conv"));
            golden.named.assertPicture("decoder.conv_out", golden.expected.tensor("decoder.conv_out"),
                    channelsFirst(golden.backend.download(picture)), golden.tolerance);
        }
        golden.assertCompared(config.dimMult().length * (config.numResBlocks() + 2));
    }

    private static void checkEncoder(final Golden golden) {
        final Path folder = golden.component("vae");
        final QwenImageVaeConfig config = QwenImageVaeConfig.read(ConfigFile.read(folder.resolve("config.json")));
        try (WeightSource source = Checkpoints.open(folder); Arena arena = golden.backend.openArena("test")) {
            final QwenImageEncoder encoder = new QwenImageEncoder(
                    ModuleScope.of(golden.backend, arena, WeightScope.of(source)), config);
            golden.compareHost("mean", encoder.forward(golden.input("image"), Cancellation.NEVER,
                    pictures(golden, "encoder.", "quant_conv")));
        }
        golden.assertCompared(config.dimMult().length * config.numResBlocks() + 2);
    }

    private static LayerObserver pictures(final Golden golden, final String prefix, final String outside) {
        return (name, picture) -> golden.comparePicture(name.equals(outside) ? name : prefix + name, picture);
    }

    private static HostTensor channelsFirst(final HostTensor picture) {
        final int channels = picture.shape().intExtent(2);
        final int pixels = Math.toIntExact(picture.shape().rows());
        final float[] last = picture.toFloats();
        final float[] first = new float[last.length];
        for (int i = 0; i < last.length; i++) {
            first[i % channels * pixels + i / channels] = last[i];
        }
        return HostTensor.ofFloats(Shape.of(channels, picture.shape().extent(0), picture.shape().extent(1)), first);
    }
}
