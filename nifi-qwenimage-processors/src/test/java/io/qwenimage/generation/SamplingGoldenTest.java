package io.qwenimage.generation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.qwenimage.weights.SafetensorsFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** What is drawn from, against transformers; see goldens-vision/sampling.json. */
class SamplingGoldenTest {
    private static final Path GOLDENS = Path.of("src/test/resources/goldens-vision");
    private static final double TOLERANCE = 2e-6;

    @TestFactory
    List<DynamicTest> probabilitiesEqualTheReference() throws IOException {
        final List<DynamicTest> tests = new ArrayList<>();
        for (final JsonNode example : new ObjectMapper().readTree(GOLDENS.resolve("sampling.json").toFile())) {
            tests.add(dynamicTest(example.get("name").asText(), () -> check(example)));
        }
        assertTrue(tests.size() > 4, "only " + tests.size() + " settings");
        return tests;
    }

    private static void check(final JsonNode example) {
        final String name = example.get("name").asText();
        final JsonNode settings = example.get("settings");
        final SamplingSettings sampling = new SamplingSettings(true, settings.path("temperature").asDouble(1),
                settings.path("top_k").asInt(50), settings.path("top_p").asDouble(1),
                settings.path("repetition_penalty").asDouble(1), 0);
        try (SafetensorsFile goldens = SafetensorsFile.open(GOLDENS.resolve("sampling.safetensors"))) {
            final int[] previous = Arrays.stream(goldens.tensor(name + ".previous").toLongs())
                    .mapToInt(Math::toIntExact).toArray();
            final TokenChooser chooser = new TokenChooser(sampling, previous);
            final float[] logits = goldens.tensor(name + ".logits").toFloats();
            chooser.penalise(logits);
            if (goldens.names().contains(name + ".repetition_penalty")) {
                final float[] penalised = goldens.tensor(name + ".repetition_penalty").toFloats();
                for (int i = 0; i < logits.length; i++) {
                    final int token = i;
                    assertEquals(penalised[i], logits[i], Math.ulp(penalised[i]), () -> "penalised logit " + token);
                }
            }
            final float[] expected = goldens.tensor(name + ".probabilities").toFloats();
            final double[] actual = chooser.probabilities(logits);
            for (int i = 0; i < expected.length; i++) {
                final int token = i;
                assertEquals(expected[i], actual[i], TOLERANCE, () -> "probability " + token);
                assertEquals(expected[i] == 0, actual[i] < 1e-30, () -> "whether token " + token + " is ruled out");
            }
        }
    }
}
