package io.qwenimage.generation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class JsonAnswerTest {
    private static final AnswerSchema NAMED = AnswerSchema.parse(
            "{\"type\": \"object\", \"required\": [\"name\"], \"properties\": {\"name\": {\"type\": \"string\"}}}");

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '~', value = {
        "{\"name\": \"kite\"} | {\"name\":\"kite\"}",
        "~```json\n{\"name\": \"kite\"}\n```~ | {\"name\":\"kite\"}",
        "~Here:\n```\n{\"name\": \"kite\"}~ | {\"name\":\"kite\"}",
        "I see {'name': 'kite',} there [1]. | {\"name\":\"kite\"}",
        "[1, 2] {\"other\": 1} {\"name\": \"kite\"} | {\"name\":\"kite\"}",
        "{\"name\": \"{not} [this]\"} | {\"name\":\"{not} [this]\"}",
    })
    void theFirstJsonThatFitsIsTaken(final String text, final String json) {
        assertEquals(new JsonAnswer(json, null), JsonAnswer.read(text, NAMED));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '~', value = {
        "~~ | there is no JSON in it, it reads: nothing",
        "A kite. | there is no JSON in it, it reads: A kite.",
        "{\"name\": \"ki | its JSON breaks off or is misspelt, it reads: {\"name\": \"ki",
        "{\"name\": 3} | the JSON does not fit its schema: /name: ",
        "{\"title\": \"kite\"} | the JSON does not fit its schema: ",
    })
    void whatIsWrongIsSaid(final String text, final String problem) {
        final JsonAnswer answer = JsonAnswer.read(text, NAMED);

        assertNull(answer.json());
        assertTrue(answer.problem().startsWith(problem), answer.problem());
    }

    @ParameterizedTest
    @ValueSource(strings = {"{}", "[1, 2]", "3", "\"red\"", "true", "null", "```json\n\"red\"\n```"})
    void anyJsonWillDoWithoutASchema(final String text) {
        assertNull(JsonAnswer.read(text, null).problem(), text);
    }

    @Test
    void schemasElsewhereAreNotFetched() {
        final AnswerSchema schema;
        try {
            schema = AnswerSchema.parse("{\"$ref\": \"http://127.0.0.1:9/other.json\"}");
        } catch (IllegalArgumentException e) {
            assertTrue(e.getMessage().contains("other.json"), e.getMessage());
            return;
        }
        final IllegalArgumentException refused = assertThrows(IllegalArgumentException.class,
                () -> JsonAnswer.read("{}", schema));
        assertTrue(refused.getMessage().contains("other.json"), refused.getMessage());
    }

    @Test
    void draftsAndFormsAreKnown() {
        final AnswerSchema schema = AnswerSchema.parse("{\"$schema\": \"http://json-schema.org/draft-07/schema#\", "
                + "\"definitions\": {\"tag\": {\"type\": \"string\", \"maxLength\": 4}}, \"type\": \"array\", "
                + "\"items\": {\"$ref\": \"#/definitions/tag\"}, \"minItems\": 1}");

        assertEquals("[\"kite\",\"sky\"]", JsonAnswer.read("tags: [\"kite\", \"sky\"]", schema).json());
        assertTrue(JsonAnswer.read("[\"balloon\"]", schema).problem().contains("/0"));
        assertTrue(JsonAnswer.read("[]", schema).problem().contains("schema"));
    }
}
