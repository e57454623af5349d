package io.qwenimage.generation;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaException;
import com.networknt.schema.SchemaLocation;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import java.util.List;

/**
 * A JSON schema that answers are held against. Drafts 4 to 2020-12 by their {@code $schema}, 2020-12 without one.
 * Schemas elsewhere are never fetched.
 */
public final class AnswerSchema {
    private final Schema schema;

    private AnswerSchema(final Schema schema) {
        this.schema = schema;
    }

    /**
     * Reads a schema.
     *
     * @throws IllegalArgumentException if the text is no schema, saying what is wrong with it
     */
    public static AnswerSchema parse(final String text) {
        final JsonNode node;
        try {
            node = new ObjectMapper().readTree(text);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("the JSON schema is not valid JSON: " + e.getOriginalMessage()
                    + "; give a schema such as {\"type\": \"object\"}", e);
        }
        if (!node.isObject() && !node.isBoolean()) {
            throw new IllegalArgumentException("the JSON schema is no JSON object; give a schema such as "
                    + "{\"type\": \"object\"}");
        }
        try {
            final SchemaRegistry registry = SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12);
            checkAgainstItsOwnSchema(registry, node);
            final Schema schema = registry.getSchema(node);
            schema.initializeValidators();
            return new AnswerSchema(schema);
        } catch (SchemaException e) {
            throw unusable(e.getMessage(), e);
        }
    }

    /**
     * What an answer lacks; empty if nothing.
     *
     * @throws IllegalArgumentException if the schema turns out to refer to something that is not in it
     */
    List<String> problems(final JsonNode answer) {
        try {
            return schema.validate(answer).stream().map(error -> {
                final String place = error.getInstanceLocation().toString();
                return place.isEmpty() ? error.getMessage() : place + ": " + error.getMessage();
            }).toList();
        } catch (SchemaException e) {
            throw unusable(e.getMessage(), e);
        }
    }

    private static void checkAgainstItsOwnSchema(final SchemaRegistry registry, final JsonNode node) {
        final SpecificationVersion version = SpecificationVersion.fromSchemaNode(node)
                .orElse(SpecificationVersion.DRAFT_2020_12);
        final Schema schemas = registry.getSchema(SchemaLocation.of(version.getDialectId()));
        final List<String> problems = new AnswerSchema(schemas).problems(node);
        if (!problems.isEmpty()) {
            throw unusable(problems.get(0), null);
        }
    }

    private static IllegalArgumentException unusable(final String problem, final Throwable cause) {
        return new IllegalArgumentException("the JSON schema cannot be used: " + problem
                + "; correct it, and write what it refers to into it", cause);
    }
}
