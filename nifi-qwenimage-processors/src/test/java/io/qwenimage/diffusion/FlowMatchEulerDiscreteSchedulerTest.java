package io.qwenimage.diffusion;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.qwenimage.model.ConfigFile;
import io.qwenimage.weights.WeightException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Expected numbers are those of {@code retrieve_timesteps} in diffusers 0.42.1, compared bit by bit. */
class FlowMatchEulerDiscreteSchedulerTest {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final String PUBLISHED = """
            {"_class_name": "FlowMatchEulerDiscreteScheduler", "base_image_seq_len": 256, "base_shift": 0.5,
            "max_image_seq_len": 8192, "max_shift": 0.9, "shift_terminal": 0.02, "use_dynamic_shifting": true}""";

    @Test
    void publishedSettingsShiftByTheSizeAndStretchToTheTerminal() {
        final Schedule schedule = scheduler(PUBLISHED).schedule(4, 6889);

        assertArrayEquals(new float[] {1, 0.78098005f, 0.4755488f, 0.02000004f, 0}, sigmas(schedule));
        assertArrayEquals(new float[] {1000, 780.98004f, 475.5488f, 20.00004f}, timesteps(schedule));
    }

    @Test
    void lightningSettingsGiveRoundNumbers() {
        final Schedule schedule = scheduler("""
                {"base_shift": 1.0986122886681098, "max_shift": 1.0986122886681098, "max_image_seq_len": 8192,
                "shift_terminal": null, "use_dynamic_shifting": true}""").schedule(4, 4096);

        assertArrayEquals(new float[] {1, 0.9f, 0.75f, 0.5f, 0}, sigmas(schedule));
    }

    @Test
    void withoutDynamicShiftingTheSizeDoesNotMatter() {
        final FlowMatchEulerDiscreteScheduler scheduler = scheduler("{\"shift\": 3.0}");

        assertArrayEquals(new float[] {1, 0.8571428f, 0.59999996f, 0}, sigmas(scheduler.schedule(3, 15)));
        assertArrayEquals(new float[] {1, 0.8571428f, 0.59999996f, 0}, sigmas(scheduler.schedule(3, 4096)));
    }

    @Test
    void linearTimeShiftWithKarrasSpacing() {
        final Schedule schedule = scheduler("""
                {"use_dynamic_shifting": true, "time_shift_type": "linear", "use_karras_sigmas": true}""")
                .schedule(3, 64);

        assertArrayEquals(new float[] {1, 0.45727146f, 0.18946302f, 0}, sigmas(schedule));
        assertArrayEquals(new float[] {1000, 457.27145f, 189.46301f}, timesteps(schedule));
    }

    @Test
    void exponentialSpacingWithInvertedSigmas() {
        final Schedule schedule = scheduler("""
                {"use_dynamic_shifting": true, "use_exponential_sigmas": true, "invert_sigmas": true}""")
                .schedule(3, 64);

        assertArrayEquals(new float[] {0, 0.33379704f, 0.5561737f, 1}, sigmas(schedule));
        assertEquals(0.5561737f - 0.33379704f, schedule.delta(1));
    }

    @TestFactory
    Stream<DynamicTest> schedulesOfEveryConfigurationAreTheReferences() throws IOException {
        final JsonNode goldens;
        try (InputStream in = getClass().getResourceAsStream("/goldens/schedulers.json")) {
            goldens = JSON.readTree(in);
        }
        return goldens.get("schedules").valueStream()
                .filter(expected -> !expected.get("config").textValue().equals("stochastic"))
                .map(expected -> DynamicTest.dynamicTest(expected.get("config").textValue() + ", "
                        + expected.get("steps") + " steps, " + expected.get("image_seq_len") + " tokens",
                        () -> compare(goldens.get("configs").get(expected.get("config").textValue()), expected)));
    }

    @Test
    void theTransformerSeesTimestepsInThousandths() {
        assertEquals(780.98004f / 1000, scheduler(PUBLISHED).schedule(4, 6889).modelTime(1));
    }

    @ParameterizedTest
    @ValueSource(ints = {Integer.MIN_VALUE, -1, 0, 10_001})
    void stepsOutOfRangeAreRefused(final int steps) {
        final IllegalArgumentException refusal = assertThrows(IllegalArgumentException.class,
                () -> scheduler(PUBLISHED).schedule(steps, 256));
        assertTrue(refusal.getMessage().contains(Integer.toString(steps)), refusal.getMessage());
    }

    @Test
    void aSingleStepCannotBeStretched() {
        final IllegalArgumentException refusal = assertThrows(IllegalArgumentException.class,
                () -> scheduler(PUBLISHED).schedule(1, 256));
        assertTrue(refusal.getMessage().contains("shift_terminal 0.02"), refusal.getMessage());
        assertArrayEquals(new float[] {1, 0}, sigmas(scheduler("{\"shift\": 3.0}").schedule(1, 256)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"\"stochastic_sampling\": true",
        "\"time_shift_type\": \"cubic\"", "\"shift_terminal\": 1.0", "\"shift\": 0",
        "\"use_exponential_sigmas\": true, \"use_karras_sigmas\": true",
        "\"use_beta_sigmas\": true, \"use_karras_sigmas\": true", "\"_class_name\": \"DDIMScheduler\"",
        "\"base_shift\": NaN", "\"max_image_seq_len\": 256", "\"num_train_timesteps\": 0"})
    void whatCannotBeReproducedIsRefusedByName(final String entry) {
        final WeightException refusal = assertThrows(WeightException.class, () -> scheduler("{" + entry + "}"));
        final String key = entry.substring(1, entry.indexOf('"', 1));
        assertTrue(refusal.getMessage().contains(key), refusal.getMessage());
    }

    private static void compare(final JsonNode config, final JsonNode expected) {
        final Schedule schedule = scheduler(config.toString()).schedule(expected.get("steps").intValue(),
                expected.get("image_seq_len").intValue());
        assertArrayEquals(floats(expected.get("sigmas")), sigmas(schedule), 1e-7f);
        assertArrayEquals(floats(expected.get("timesteps")), timesteps(schedule), 1e-4f);
    }

    private static float[] floats(final JsonNode list) {
        final float[] values = new float[list.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = list.get(i).floatValue();
        }
        return values;
    }

    private static FlowMatchEulerDiscreteScheduler scheduler(final String json) {
        return FlowMatchEulerDiscreteScheduler.read(ConfigFile.parse("scheduler_config.json",
                json.getBytes(StandardCharsets.UTF_8)));
    }

    private static float[] sigmas(final Schedule schedule) {
        final float[] sigmas = new float[schedule.steps() + 1];
        for (int i = 0; i < sigmas.length; i++) {
            sigmas[i] = schedule.sigma(i);
        }
        return sigmas;
    }

    private static float[] timesteps(final Schedule schedule) {
        final float[] timesteps = new float[schedule.steps()];
        for (int i = 0; i < timesteps.length; i++) {
            timesteps[i] = schedule.timestep(i);
        }
        return timesteps;
    }
}
