package io.qwenimage.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Backends;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.backend.WeightRole;
import io.qwenimage.image.RgbImage;
import io.qwenimage.model.language.LanguageModel;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Tensor;
import io.qwenimage.weights.Checkpoints;
import io.qwenimage.weights.WeightException;
import io.qwenimage.weights.WeightScope;
import io.qwenimage.weights.WeightSource;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
final class ComponentStoreTest {
    private static final Path EDIT = Path.of("src/test/resources/goldens-vision/models/edit-bf16");
    /** The table of tokens is the head, too, where a folder has none of its own. */
    private static final String HEAD = "embed_tokens.weight";

    private final Backend backend = Backends.shipped().getFirst().open();
    private final ComponentStore store = new ComponentStore(backend);

    @TempDir
    private Path temporary;

    @AfterEach
    void close() {
        assertEquals(0, backend.memory().weights(), "weights that nobody holds any more");
        backend.close();
    }

    @Test
    void oneModelServesEditsAndQuestions() {
        try (StandardQwenImagePipeline editing = StandardQwenImagePipeline.open(EDIT, store)) {
            edit(editing);
            final long forEdits = backend.memory().weights();
            try (StandardVisionLanguagePipeline asking = StandardVisionLanguagePipeline.open(EDIT, store)) {
                ask(asking);
                assertEquals(forEdits + headBytes(), backend.memory().weights(),
                        "a question needs nothing more than the head");
                ask(asking);
                edit(editing);
                assertEquals(forEdits + headBytes(), backend.memory().weights());
            }
            assertEquals(forEdits, backend.memory().weights());
        }
    }

    @Test
    void whoComesFirstDoesNotMatter() {
        final StandardVisionLanguagePipeline asking = StandardVisionLanguagePipeline.open(EDIT, store);
        ask(asking);
        try (StandardQwenImagePipeline editing = StandardQwenImagePipeline.open(EDIT, store)) {
            edit(editing);
            final long both = backend.memory().weights();
            asking.close();
            assertEquals(both - headBytes(), backend.memory().weights(), "what edits need stays");
            edit(editing);
        }
    }

    @Test
    void answersAndBundlesAreThoseOfModelsAlone() {
        final Bundle bundle;
        final ChatAnswer answer;
        try (StandardQwenImagePipeline editing = StandardQwenImagePipeline.open(EDIT, backend);
                StandardVisionLanguagePipeline asking = StandardVisionLanguagePipeline.open(EDIT, backend)) {
            bundle = edit(editing);
            answer = ask(asking);
        }
        try (StandardQwenImagePipeline editing = StandardQwenImagePipeline.open(EDIT, store);
                StandardVisionLanguagePipeline asking = StandardVisionLanguagePipeline.open(EDIT, store)) {
            assertEquals(bundle.tensor("prompt_embeds").bytes(), edit(editing).tensor("prompt_embeds").bytes());
            assertEquals(answer.text(), ask(asking).text());
        }
    }

    @Test
    void aNetworkStaysUntilTheLastHolderLetsGo() {
        assertFalse(store.isLoaded(EDIT.resolve("text_encoder"), Tensor.class));
        final LoadedComponent<Tensor> first = head(EDIT, Cancellation.NEVER);
        assertTrue(store.isLoaded(EDIT.resolve("text_encoder"), Tensor.class));
        assertFalse(store.isLoaded(EDIT.resolve("text_encoder"), LanguageModel.class));
        final LoadedComponent<Tensor> second = head(EDIT, Cancellation.NEVER);
        assertSame(first.model(), second.model());
        first.close();
        first.close();
        assertEquals(headBytes(), backend.memory().weights());
        assertThrows(IllegalStateException.class, first::model);
        second.close();
    }

    @Test
    void filesThatWereReplacedAreLoadedAnew() throws IOException {
        final Path folder = Files.createDirectories(temporary.resolve("text_encoder"));
        try (Stream<Path> files = Files.list(EDIT.resolve("text_encoder"))) {
            for (final Path file : files.toList()) {
                Files.copy(file, folder.resolve(file.getFileName()));
            }
        }
        try (LoadedComponent<Tensor> before = head(temporary, Cancellation.NEVER)) {
            Files.setLastModifiedTime(folder.resolve("config.json"), FileTime.fromMillis(0));
            try (LoadedComponent<Tensor> after = head(temporary, Cancellation.NEVER)) {
                assertNotSame(before.model(), after.model());
            }
        }
    }

    @Test
    void aLoadThatIsCalledOffLeavesNothingAndHindersNobody() {
        assertThrows(CancellationException.class, () -> head(EDIT, () -> {
            throw new CancellationException("stopped");
        }));
        assertEquals(0, backend.memory().weights());
        head(EDIT, Cancellation.NEVER).close();
    }

    @Test
    void whoWaitsForALoadThatFailsTriesAgain() throws InterruptedException {
        final CountDownLatch loading = new CountDownLatch(1);
        final CountDownLatch mayFail = new CountDownLatch(1);
        final List<String> outcomes = Collections.synchronizedList(new ArrayList<>());
        final Function<ModuleScope, Tensor> failsOnce = scope -> {
            loading.countDown();
            awaitUnchecked(mayFail);
            if (outcomes.isEmpty()) {
                outcomes.add("failed");
                throw new WeightException("damaged");
            }
            return scope.weight(HEAD, WeightRole.LINEAR, table().shape().toArray());
        };
        final Thread failing = Thread.ofPlatform().start(() -> assertThrows(WeightException.class,
                () -> head(failsOnce, Cancellation.NEVER)));
        loading.await();
        final Thread waiting = Thread.ofPlatform().start(() -> {
            head(failsOnce, mayFail::countDown).close();
            outcomes.add("loaded");
        });
        failing.join();
        waiting.join();
        assertEquals(List.of("failed", "loaded"), outcomes);
    }

    private LoadedComponent<Tensor> head(final Function<ModuleScope, Tensor> build, final Cancellation cancellation) {
        return store.load(EDIT.resolve("text_encoder"), Tensor.class, LanguageModel::scope, build, cancellation);
    }

    private LoadedComponent<Tensor> head(final Path model, final Cancellation cancellation) {
        return store.load(model.resolve("text_encoder"), Tensor.class, LanguageModel::scope,
                scope -> scope.weight(HEAD, WeightRole.LINEAR, table().shape().toArray()), cancellation);
    }

    private static HostTensor table() {
        try (WeightSource source = Checkpoints.open(EDIT.resolve("text_encoder"))) {
            final String name = source.names().stream().filter(any -> any.endsWith(HEAD)).findFirst().orElseThrow();
            final HostTensor mapped = source.tensor(name);
            final ByteBuffer copy = ByteBuffer.allocate(mapped.bytes().remaining()).put(mapped.bytes()).flip();
            return new HostTensor(mapped.shape(), mapped.dtype(), copy);
        }
    }

    private long headBytes() {
        final long before = backend.memory().weights();
        try (Arena arena = backend.openArena("head")) {
            backend.weight(arena, table(), WeightRole.LINEAR);
            return backend.memory().weights() - before;
        }
    }

    private static Bundle edit(final QwenImagePipeline pipeline) {
        return pipeline.encodeText(pipeline.encodeImage(new ImageRequest(List.of(picture())), Cancellation.NEVER),
                new TextRequest("at night", null), Cancellation.NEVER);
    }

    private static ChatAnswer ask(final VisionLanguagePipeline pipeline) {
        return pipeline.chat(new ChatRequest(List.of(picture()), "what is this?", 3, null, List.of()),
                ChatObserver.NONE, Cancellation.NEVER);
    }

    private static RgbImage picture() {
        final byte[] samples = new byte[40 * 56 * 3];
        for (int i = 0; i < samples.length; i++) {
            samples[i] = (byte) (i * 7);
        }
        return new RgbImage(40, 56, samples);
    }

    private static void awaitUnchecked(final CountDownLatch latch) {
        try {
            latch.await();
        } catch (final InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
