package io.qwenimage.generation;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The JSON of an answer that was asked for as JSON.
 *
 * @param json    well-formed, on one line; null if there is none that will do
 * @param problem what is wrong, in words that serve a person and the model; null if nothing is
 */
public record JsonAnswer(String json, String problem) {
    private static final ObjectMapper MAPPER = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();
    private static final Pattern FENCE = Pattern.compile("```[A-Za-z]*\\s*\\R(.*?)(?:```|\\z)", Pattern.DOTALL);
    private static final int SHOWN_PROBLEMS = 3;
    private static final int SHOWN_CHARACTERS = 80;

    /**
     * Looks for JSON: the whole answer, what stands between fences, then objects and arrays in prose; the first that
     * fits the schema. Slips such as trailing commas are mended.
     *
     * @param schema null if any JSON will do
     * @throws IllegalArgumentException if the schema refers to something that is not in it
     */
    public static JsonAnswer read(final String text, final AnswerSchema schema) {
        String problem = null;
        final LenientJson lenient = LenientJson.read(text);
        for (final JsonNode candidate : candidates(text, lenient)) {
            final List<String> problems = schema == null ? List.of() : schema.problems(candidate);
            if (problems.isEmpty()) {
                return new JsonAnswer(candidate.toString(), null);
            }
            problem = problem == null ? "the JSON does not fit its schema: " + String.join("; ",
                    problems.subList(0, Math.min(SHOWN_PROBLEMS, problems.size()))) : problem;
        }
        if (problem == null) {
            problem = lenient.found().isEmpty() ? "there is no JSON in it, it reads: " + shown(text)
                    : "its JSON breaks off or is misspelt, it reads: " + shown(text);
        }
        return new JsonAnswer(null, problem);
    }

    private static List<JsonNode> candidates(final String text, final LenientJson lenient) {
        final List<JsonNode> candidates = new ArrayList<>();
        addStrict(candidates, text);
        final Matcher fences = FENCE.matcher(text);
        while (fences.find()) {
            addStrict(candidates, fences.group(1));
        }
        lenient.found().stream().filter(LenientJson.Found::whole).map(LenientJson.Found::value)
                .forEach(candidates::add);
        return candidates;
    }

    private static void addStrict(final List<JsonNode> candidates, final String text) {
        try {
            final JsonNode node = MAPPER.readTree(text);
            if (!node.isMissingNode()) {
                candidates.add(node);
            }
        } catch (JsonProcessingException e) {
            // Not JSON as it stands; the next candidate may be.
            return;
        }
    }

    private static String shown(final String text) {
        final String line = text.strip().replaceAll("\\s+", " ");
        return line.isEmpty() ? "nothing" : line.length() <= SHOWN_CHARACTERS ? line
                : line.substring(0, SHOWN_CHARACTERS) + "...";
    }
}
