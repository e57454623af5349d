package io.qwenimage.pipeline;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Backends;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.model.ConfigFile;
import io.qwenimage.model.vision.VisionGrid;
import io.qwenimage.model.vision.VisionTower;
import io.qwenimage.model.vl.PromptLayout;
import io.qwenimage.model.vl.VisionLanguageModel;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.weights.SafetensorsFile;
import io.qwenimage.weights.WeightSource;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;

/** Vision towers, positions, prompts and the first tokens of answers against transformers; see goldens-vision. */
@Tag("models")
final class VisionLanguageGoldenTest {
    private static final Path CHATS = Path.of("src/test/resources/goldens-vision/chat");

    @TestFactory
    List<DynamicTest> modelsEqualTheReference() throws IOException {
        final List<DynamicTest> tests = new ArrayList<>();
        try (DirectoryStream<Path> folders = Files.newDirectoryStream(CHATS)) {
            for (final Path folder : folders) {
                for (final Backends.Named backend : backends(folder)) {
                    tests.add(dynamicTest(folder.getFileName() + " on " + backend, () -> check(folder, backend)));
                }
            }
        }
        return tests;
    }

    /** Without pictures there is nothing here that {@link ChatGoldenTest} does not hold on CUDA, too. */
    private static List<Backends.Named> backends(final Path folder) {
        return CudaCases.kindOf(folder).endsWith("with pictures") ? CudaCases.backends(folder, Backends.cpu())
                : Backends.chosen().map(List::of).orElseGet(Backends::cpu);
    }

    private static void check(final Path folder, final Backends.Named named) {
        final ConfigFile description = ConfigFile.read(folder.resolve("case.json"));
        final Path model = folder.resolve(description.stringAt("model"));
        final double tolerance = description.sub("tolerance").doubleAt("relative");
        try (Backend backend = named.open();
                WeightSource expected = SafetensorsFile.open(folder.resolve("expected.safetensors"));
                VisionLanguageLoader.Holding loaded = VisionLanguageLoader.load(new ComponentStore(backend), model,
                        ConfigFile.read(model.resolve("config.json")), Cancellation.NEVER);
                Arena arena = backend.openArena("test")) {
            checkConversation(named, backend, arena, loaded.model(), expected, tolerance);
        }
    }

    private static void checkConversation(final Backends.Named named, final Backend backend, final Arena arena,
            final VisionLanguageModel model, final WeightSource expected, final double tolerance) {
        final int[] ids = VisionGoldens.ints(expected.tensor("input_ids"));
        final List<VisionGrid> grids = VisionGoldens.grids(expected, "image_grid_thw");
        VisionTower.Features features = null;
        if (!grids.isEmpty()) {
            features = model.encode(arena, expected.tensor("pixel_values"), grids, Cancellation.NEVER,
                    VisionTower.BlockObserver.NONE);
            named.assertClose("vision_embeds", expected.tensor("vision_embeds"),
                    backend.download(features.embeddings()), tolerance);
            for (int i = 0; i < features.deepstack().size(); i++) {
                named.assertClose("deepstack." + i, expected.tensor("deepstack." + i),
                        backend.download(features.deepstack().get(i)), tolerance);
            }
        }
        final PromptLayout layout = model.layout(ids, grids);
        final int[] positions = VisionGoldens.ints(expected.tensor("position_ids"));
        assertArrayEquals(Arrays.copyOfRange(positions, 0, ids.length), layout.positions().time());
        assertArrayEquals(Arrays.copyOfRange(positions, ids.length, 2 * ids.length), layout.positions().row());
        assertArrayEquals(Arrays.copyOfRange(positions, 2 * ids.length, 3 * ids.length), layout.positions().column());

        final int[] whole = VisionGoldens.ints(expected.tensor(expected.names().contains("token_ids_without_penalty")
                ? "token_ids_without_penalty" : "token_ids"));
        final int[] answer = Arrays.copyOf(whole, CudaCases.tokens(named, whole.length));
        final VisionLanguageModel.Conversation conversation = model.converse(arena, ids.length + answer.length);
        HostTensor logits = conversation.begin(ids, features, layout, Cancellation.NEVER);
        named.assertClose("logits", expected.tensor("logits"), logits, tolerance);
        for (final int token : answer) {
            CudaCases.assertAmongTheBest(named, token, logits.toFloats());
            logits = conversation.next(token, Cancellation.NEVER);
        }
    }
}
