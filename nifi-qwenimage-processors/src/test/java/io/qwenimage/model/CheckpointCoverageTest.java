package io.qwenimage.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import io.qwenimage.model.language.LanguageModel;
import io.qwenimage.model.qwen25vl.Qwen25VlLanguage;
import io.qwenimage.model.qwenimage.QwenImageConfig;
import io.qwenimage.model.qwenimage.QwenImageTransformer2DModel;
import io.qwenimage.model.qwenimagevae.QwenImageDecoder;
import io.qwenimage.model.qwenimagevae.QwenImageEncoder;
import io.qwenimage.model.qwenimagevae.QwenImageVaeConfig;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.weights.Checkpoints;
import io.qwenimage.weights.WeightScope;
import io.qwenimage.weights.WeightSource;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiConsumer;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** A model asks for exactly the tensors that a published folder holds: none is missed, none is left unread. */
final class CheckpointCoverageTest {
    private static final Path MODELS = Path.of("src/test/resources/goldens/models");

    /** The language model's part of a text encoder; the vision tower and the head encode no prompt. */
    private static final Pattern NOT_FOR_PROMPTS = Pattern.compile("(model\\.)?visual\\..*|lm_head\\.weight");
    /** Acts from the second frame of a video on. */
    private static final Pattern NOT_FOR_ONE_FRAME = Pattern.compile(".*\\.time_conv\\.(weight|bias)");
    private static final Pattern NOTHING = Pattern.compile("(?!)");

    /** Remembers what was asked for. */
    private record Recorder(WeightSource source, Set<String> requested) implements WeightSource {
        @Override
        public Set<String> names() {
            return source.names();
        }

        @Override
        public Info info(final String name) {
            return source.info(name);
        }

        @Override
        public HostTensor tensor(final String name) {
            requested.add(name);
            return source.tensor(name);
        }

        @Override
        public String origin() {
            return source.origin();
        }

        @Override
        public void close() {
            source.close();
        }
    }

    @TestFactory
    List<DynamicTest> requestedNamesEqualStoredNames() throws IOException {
        final List<DynamicTest> tests = new ArrayList<>();
        try (DirectoryStream<Path> folders = Files.newDirectoryStream(MODELS)) {
            for (final Path folder : folders) {
                tests.add(test(folder.resolve("text_encoder"), NOT_FOR_PROMPTS, (config, source) ->
                        new LanguageModel(ModuleScope.forInspection(LanguageModel.scope(source)),
                                Qwen25VlLanguage.config(config))));
                tests.add(test(folder.resolve("transformer"), NOTHING, (config, source) ->
                        new QwenImageTransformer2DModel(ModuleScope.forInspection(WeightScope.of(source)),
                                QwenImageConfig.read(config))));
                tests.add(test(folder.resolve("vae"), NOT_FOR_ONE_FRAME, (config, source) -> {
                    final ModuleScope scope = ModuleScope.forInspection(WeightScope.of(source));
                    new QwenImageDecoder(scope, QwenImageVaeConfig.read(config));
                    new QwenImageEncoder(scope, QwenImageVaeConfig.read(config));
                }));
            }
        }
        return tests;
    }

    private static DynamicTest test(final Path component, final Pattern unread,
            final BiConsumer<ConfigFile, WeightSource> build) {
        return dynamicTest(MODELS.relativize(component).toString(), () -> {
            try (Recorder recorder = new Recorder(Checkpoints.open(component), new TreeSet<>())) {
                build.accept(ConfigFile.read(component.resolve("config.json")), recorder);
                final Set<String> expected = new TreeSet<>(recorder.names());
                expected.removeIf(name -> unread.matcher(name).matches());
                assertEquals(expected, recorder.requested());
            }
        });
    }
}
