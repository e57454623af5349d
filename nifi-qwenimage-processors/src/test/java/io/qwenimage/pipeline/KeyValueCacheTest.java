package io.qwenimage.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Backends;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.model.ConfigFile;
import io.qwenimage.model.vision.VisionGrid;
import io.qwenimage.model.vision.VisionTower;
import io.qwenimage.model.vl.VisionLanguageModel;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.weights.SafetensorsFile;
import io.qwenimage.weights.WeightSource;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tokens that come one by one from cached keys and values are those of a forward over everything, each time anew. */
@Tag("models")
final class KeyValueCacheTest {
    private static final Path CHATS = Path.of("src/test/resources/goldens-vision/chat");
    private static final int TOKENS = 16;
    private static final int FEW_TOKENS = 3;
    /** Sums over the same numbers in another order. */
    private static final double TOLERANCE = 1e-4;

    @ParameterizedTest
    @ValueSource(strings = {"one-picture", "current-two-pictures", "qwen2-two-pictures", "qwen3-two-pictures",
        "qwen3-no-picture"})
    void theCacheChangesNoToken(final String name) {
        check(name, Backends.shipped().getFirst(), TOKENS);
    }

    @ParameterizedTest
    @MethodSource("io.qwenimage.backend.Backends#cuda")
    void theCacheChangesNoTokenOnCuda(final Backends.Named named) {
        check("qwen3-no-picture", named, named.slow() ? FEW_TOKENS : TOKENS);
    }

    private static void check(final String name, final Backends.Named named, final int tokens) {
        final Path folder = CHATS.resolve(name);
        final Path weights = folder.resolve(ConfigFile.read(folder.resolve("case.json")).stringAt("model"));
        try (Backend backend = named.open();
                WeightSource expected = SafetensorsFile.open(folder.resolve("expected.safetensors"));
                VisionLanguageLoader.Holding loaded = VisionLanguageLoader.load(new ComponentStore(backend), weights,
                        ConfigFile.read(weights.resolve("config.json")), Cancellation.NEVER)) {
            compare(named, backend, loaded.model(), expected, tokens);
        }
    }

    @Test
    void conversationsSideBySideChangeNoToken() {
        final Path weights = CHATS.resolve("one-picture").resolve(
                ConfigFile.read(CHATS.resolve("one-picture/case.json")).stringAt("model"));
        final int[][] prompts = {{1, 2, 3, 4, 5}, {9, 8, 7}, {20, 3, 20, 3, 20, 3, 20}};
        try (Backend backend = Backends.shipped().getFirst().open();
                VisionLanguageLoader.Holding loaded = VisionLanguageLoader.load(new ComponentStore(backend), weights,
                        ConfigFile.read(weights.resolve("config.json")), Cancellation.NEVER)) {
            final List<List<Integer>> alone = new ArrayList<>();
            for (final int[] prompt : prompts) {
                alone.addAll(answers(backend, loaded.model(), prompt));
            }
            assertEquals(alone, answers(backend, loaded.model(), prompts));
        }
    }

    /** One token of each conversation after the other, so that all have a state at the same time. */
    private static List<List<Integer>> answers(final Backend backend, final VisionLanguageModel model,
            final int[]... prompts) {
        try (Arena arena = backend.openArena("conversations")) {
            final List<VisionLanguageModel.Conversation> conversations = new ArrayList<>();
            final List<HostTensor> logits = new ArrayList<>();
            final List<List<Integer>> answers = new ArrayList<>();
            for (final int[] prompt : prompts) {
                conversations.add(model.converse(arena, prompt.length + TOKENS));
                logits.add(conversations.getLast().begin(prompt, null, model.layout(prompt, List.of()),
                        Cancellation.NEVER));
                answers.add(new ArrayList<>());
            }
            for (int token = 0; token < TOKENS; token++) {
                for (int i = 0; i < prompts.length; i++) {
                    answers.get(i).add(best(logits.get(i)));
                    logits.set(i, conversations.get(i).next(answers.get(i).getLast(), Cancellation.NEVER));
                }
            }
            return answers;
        }
    }

    private static void compare(final Backends.Named named, final Backend backend, final VisionLanguageModel model,
            final WeightSource expected, final int tokens) {
        int[] ids = VisionGoldens.ints(expected.tensor("input_ids"));
        try (Arena arena = backend.openArena("cached")) {
            final VisionLanguageModel.Conversation cached = model.converse(arena, ids.length + tokens);
            HostTensor logits = begin(backend, arena, model, cached, ids, expected);
            for (int i = 0; i < tokens; i++) {
                final HostTensor anew = recomputed(backend, model, ids, expected);
                named.assertClose("logits of token " + i, anew, logits, TOLERANCE);
                CudaCases.assertAmongTheBest(named, best(anew), logits.toFloats());
                ids = Arrays.copyOf(ids, ids.length + 1);
                ids[ids.length - 1] = best(logits);
                logits = cached.next(ids[ids.length - 1], Cancellation.NEVER);
            }
        }
    }

    private static HostTensor recomputed(final Backend backend, final VisionLanguageModel model, final int[] ids,
            final WeightSource expected) {
        try (Arena arena = backend.openArena("anew")) {
            return begin(backend, arena, model, model.converse(arena, ids.length), ids, expected);
        }
    }

    private static HostTensor begin(final Backend backend, final Arena arena, final VisionLanguageModel model,
            final VisionLanguageModel.Conversation conversation, final int[] ids, final WeightSource expected) {
        final List<VisionGrid> grids = VisionGoldens.grids(expected, "image_grid_thw");
        final VisionTower.Features features = grids.isEmpty() ? null : model.encode(arena,
                expected.tensor("pixel_values"), grids, Cancellation.NEVER, VisionTower.BlockObserver.NONE);
        return conversation.begin(ids, features, model.layout(ids, grids), Cancellation.NEVER);
    }

    private static int best(final HostTensor logits) {
        final float[] values = logits.toFloats();
        return IntStream.range(0, values.length).reduce(0, (a, b) -> values[b] > values[a] ? b : a);
    }
}
