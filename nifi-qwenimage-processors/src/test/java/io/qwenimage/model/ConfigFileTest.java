package io.qwenimage.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.weights.WeightException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ConfigFileTest {
    private static final String CONFIG = """
            {"layers": 28, "width": 64.0, "eps": 1e-06, "theta": 1000000, "tied": false, "type": "mrope",
             "axes": [16, 56, 56], "mean": [0.5, -1, 2e-3], "flags": [false, true], "names": ["a", "b"],
             "nothing": null, "vision_config": {"depth": "deep", "inner": {"size": -3}}, "nan": NaN,
             "infinite": [1.0, -Infinity], "huge": 1e999, "large": 3000000000}
            """;

    @Test
    void readsEachTypeOfValue() {
        final ConfigFile config = parse(CONFIG);
        assertEquals(28, config.intAt("layers"));
        assertEquals(64, config.countAt("width"));
        assertEquals(1e-6, config.doubleAt("eps"));
        assertEquals(1e6, config.doubleAt("theta"));
        assertFalse(config.booleanAt("tied"));
        assertEquals("mrope", config.stringAt("type"));
        assertArrayEquals(new int[] {16, 56, 56}, config.intsAt("axes"));
        assertArrayEquals(new double[] {0.5, -1, 2e-3}, config.doublesAt("mean"));
        assertEquals(List.of(false, true), config.booleansAt("flags"));
        assertEquals(List.of("a", "b"), config.stringsAt("names"));
        assertTrue(config.isListOfStrings("names"));
        assertFalse(config.isListOfStrings("flags"));
        assertFalse(config.isListOfStrings("absent"));
        assertEquals(-3, config.sub("vision_config").sub("inner").intAt("size"));
        assertEquals("mrope", config.choiceAt("type", null, List.of("default", "mrope")));
    }

    @Test
    void takesDefaultsForAbsentKeysAndNulls() {
        final ConfigFile config = parse(CONFIG);
        assertFalse(config.has("nothing"));
        assertTrue(config.keys().contains("nothing"));
        assertEquals(7, config.intAt("nothing", 7));
        assertEquals(7, config.countAt("absent", 7));
        assertEquals(0.5, config.doubleAt("absent", 0.5));
        assertTrue(config.booleanAt("absent", true));
        assertNull(config.stringAt("absent", (String) null));
        assertArrayEquals(new int[] {1, 2}, config.intsAt("absent", 1, 2));
        assertEquals("linear", config.choiceAt("absent", "linear", List.of("linear")));
    }

    @Test
    void refusesWithFileKeyPathValueAndWhatIsAccepted() {
        final ConfigFile config = parse(CONFIG);
        refused(() -> config.intAt("absent"), "somewhere/config.json: absent is missing", "an integer");
        refused(() -> config.sub("vision_config").countAt("depth"), "vision_config.depth is \"deep\"", "integer");
        refused(() -> config.sub("vision_config").sub("inner").countAt("size"), "vision_config.inner.size is -3",
                "from 1 to");
        refused(() -> config.intAt("large"), "large is 3000000000", "32 bits");
        refused(() -> config.intAt("eps"), "eps is", "an integer");
        refused(() -> config.doubleAt("nan"), "nan is", "a finite number");
        refused(() -> config.doubleAt("huge"), "huge is", "a finite number");
        refused(() -> config.doublesAt("infinite"), "infinite holds", "each element is a finite number");
        refused(() -> config.booleanAt("layers"), "layers is 28", "true or false");
        refused(() -> config.stringAt("layers"), "layers is 28", "a string");
        refused(() -> config.intsAt("layers"), "layers is 28", "a list of integers");
        refused(() -> config.sub("layers"), "layers is 28", "an object");
        refused(() -> config.choiceAt("type", null, List.of("default")), "type is \"mrope\"", "[default]");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "[]", "7", "{", "{\"a\": 1, \"a\": 2}", "{\"a\": {\"b\": 1, \"b\": 1}}", "{} {}",
        "{\"a\": 01}", "{\"a\": 'x'}", "null"})
    void refusesWhatIsNotOneObjectWithUniqueKeys(final String json) {
        refused(() -> parse(json), "somewhere/config.json", "Download the file again");
    }

    @Test
    void refusesNestingWithoutBound() {
        refused(() -> parse("{\"a\":" + "[".repeat(200_000)), "somewhere/config.json");
    }

    @Test
    void refusesTextThatIsNotUtf8() {
        final byte[] json = "{\"a\": \"\u00e9\"}".getBytes(StandardCharsets.ISO_8859_1);
        refused(() -> ConfigFile.parse("somewhere/config.json", json), "somewhere/config.json");
    }

    @Test
    void skipsAByteOrderMark(@TempDir final Path folder) throws IOException {
        final Path file = Files.writeString(folder.resolve("config.json"), "\ufeff{\"a\": 3}");
        assertEquals(3, ConfigFile.read(file).intAt("a"));
    }

    @Test
    void refusesMissingAndOversizedFiles(@TempDir final Path folder) throws IOException {
        refused(() -> ConfigFile.read(folder.resolve("config.json")), "config.json cannot be read");
        refused(() -> ConfigFile.read(folder), "cannot be read");
        final Path file = Files.write(folder.resolve("big.json"), new byte[ConfigFile.MAXIMUM_BYTES + 1]);
        refused(() -> ConfigFile.read(file), "more than " + ConfigFile.MAXIMUM_BYTES);
    }

    @Test
    void quotesLongValuesInPart() {
        final WeightException e = assertThrows(WeightException.class,
                () -> parse("{\"a\": \"" + "x".repeat(10_000) + "\"}").intAt("a"));
        assertTrue(e.getMessage().length() < 500, e.getMessage());
    }

    private static ConfigFile parse(final String json) {
        return ConfigFile.parse("somewhere/config.json", json.getBytes(StandardCharsets.UTF_8));
    }

    private static void refused(final Executable action, final String... parts) {
        final WeightException e = assertThrows(WeightException.class, action);
        for (final String part : parts) {
            assertTrue(e.getMessage().contains(part), () -> "'" + part + "' in: " + e.getMessage());
        }
    }
}
