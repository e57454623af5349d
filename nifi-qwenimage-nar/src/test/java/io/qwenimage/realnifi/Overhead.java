package io.qwenimage.realnifi;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Measures NiFi's own part of a picture's time. Provenance knows for each FlowFile how long it has existed, from the
 * arrival of the prompt to the saved picture, and how long each of the three stages worked on it; what is left is NiFi:
 * taking the prompt, scheduling, queues, commits of sessions, saving.
 */
final class Overhead {
    private static final int WARM_UP = 10;
    private static final int PICTURES = 40;
    private static final Duration PICTURE_LIMIT = Duration.ofMinutes(2);
    private static final Duration INDEX_LIMIT = Duration.ofMinutes(1);
    private static final String PROMPT = "a red circle";

    private final NiFiInstance nifi;
    private final TextToImageFlow flow;

    Overhead(final NiFiInstance nifi, final TextToImageFlow flow) {
        this.nifi = nifi;
        this.flow = flow;
    }

    /** Makes pictures one at a time with the model's recommended settings and prints medians, in milliseconds. */
    void print(final PrintStream out) throws IOException, InterruptedException {
        final List<String> names = new ArrayList<>();
        for (int picture = 0; picture < WARM_UP + PICTURES; picture++) {
            final String name = flow.sendHttp(PROMPT, "seed=" + picture);
            flow.awaitPicture(name + ".png", PICTURE_LIMIT);
            if (picture >= WARM_UP) {
                names.add(name);
            }
        }
        final Map<String, Map<String, Long>> stages = new LinkedHashMap<>();
        for (final String stage : List.of(TextToImageFlow.ENCODE, TextToImageFlow.DENOISE, TextToImageFlow.DECODE)) {
            stages.put(stage, byPicture(stage, "CONTENT_MODIFIED", "eventDuration", names));
        }
        final Map<String, Long> whole = byPicture(TextToImageFlow.SAVE, "SEND", "lineageDuration", names);
        final List<Long> rest = new ArrayList<>();
        for (final String name : names) {
            rest.add(whole.get(name) - stages.values().stream().mapToLong(stage -> stage.get(name)).sum());
        }
        out.printf("%nMedians of %d pictures in milliseconds, after %d to warm up:%n", PICTURES, WARM_UP);
        stages.forEach((stage, durations) ->
                out.printf("%8d  %s%n", median(new ArrayList<>(durations.values())), stage));
        out.printf("%8d  NiFi itself%n", median(rest));
        out.printf("%8d  from the prompt's arrival to the saved picture%n", median(new ArrayList<>(whole.values())));
    }

    /** A duration that a processor's events tell, by the name of the picture. */
    private Map<String, Long> byPicture(final String processor, final String eventType, final String field,
            final List<String> names)
            throws IOException, InterruptedException {
        final String id = flow.group().processorId(processor);
        final Poll indexed = new Poll("the provenance of " + names.size() + " pictures at " + processor, INDEX_LIMIT,
                () -> "");
        return indexed.until(() -> {
            final Map<String, Long> durations = new LinkedHashMap<>();
            for (final JsonNode event : nifi.client().provenance(id)) {
                final String name = NiFiClient.attribute(event, "filename").replaceFirst("\\.[a-z]+$", "");
                if (eventType.equals(event.path("eventType").asText()) && names.contains(name)) {
                    durations.put(name, event.path(field).asLong());
                }
            }
            return durations;
        }, durations -> durations.size() == names.size());
    }

    private static long median(final List<Long> values) {
        values.sort(null);
        return values.get(values.size() / 2);
    }
}
