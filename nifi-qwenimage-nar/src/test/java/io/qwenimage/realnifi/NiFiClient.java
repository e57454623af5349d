package io.qwenimage.realnifi;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;

/** NiFi's REST API, as far as importing a flow, running it and looking at it need. Thread-safe. */
public final class NiFiClient {
    static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration REQUEST_LIMIT = Duration.ofMinutes(1);
    private static final Duration JOB_LIMIT = Duration.ofMinutes(1);
    private static final int MAXIMUM_EVENTS = 1000;

    private final URI address;
    private final HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofSeconds(5)).build();
    private final String clientId = UUID.randomUUID().toString();

    NiFiClient(final URI address) {
        this.address = address;
    }

    /** Where this NiFi listens. */
    public URI address() {
        return address;
    }

    /** Whether the API can be used already. */
    boolean answers() throws InterruptedException {
        final HttpRequest request = request("/flow/about").timeout(Duration.ofSeconds(10)).GET().build();
        try {
            return http.send(request, BodyHandlers.discarding()).statusCode() == 200;
        } catch (final IOException e) {
            // Nobody listens yet, or nobody answers yet.
            return false;
        }
    }

    /** The server's version. */
    public String version() throws IOException, InterruptedException {
        return get("/flow/about").path("about").path("version").asText();
    }

    /** Class names of the processors that a bundle brought. */
    public List<String> processorTypesOf(final String bundleArtifact) throws IOException, InterruptedException {
        final List<String> types = new ArrayList<>();
        get("/flow/processor-types").path("processorTypes").forEach(type -> {
            if (bundleArtifact.equals(type.path("bundle").path("artifact").asText())) {
                types.add(type.path("type").asText());
            }
        });
        return types;
    }

    /**
     * Imports a flow definition as a new process group on the root canvas, stopped, as a user does with "browse" in
     * the canvas's dialog.
     *
     * @param definition the file
     * @param name the name of the new group
     */
    public ImportedFlow importFlow(final Path definition, final String name) throws IOException, InterruptedException {
        final String root = get("/flow/process-groups/root").path("processGroupFlow").path("id").asText();
        final String boundary = "qwenimage-" + UUID.randomUUID();
        final ByteArrayOutputStream form = new ByteArrayOutputStream();
        final Map<String, String> fields = Map.of("groupName", name, "positionX", "0", "positionY", "0",
                "clientId", clientId,
                "disconnectedNodeAcknowledged", "false");
        for (final Map.Entry<String, String> field : fields.entrySet()) {
            form.writeBytes(("--" + boundary + "\r\nContent-Disposition: form-data; name=\"" + field.getKey()
                    + "\"\r\n\r\n" + field.getValue() + "\r\n")
                    .getBytes(StandardCharsets.UTF_8));
        }
        form.writeBytes(("--" + boundary + "\r\nContent-Disposition: form-data; name=\"file\"; filename=\""
                + definition.getFileName()
                + "\"\r\nContent-Type: application/json\r\n\r\n").getBytes(StandardCharsets.UTF_8));
        form.writeBytes(Files.readAllBytes(definition));
        form.writeBytes(("\r\n--" + boundary + "--\r\n").getBytes(StandardCharsets.UTF_8));
        final HttpRequest request = request("/process-groups/" + root + "/process-groups/upload")
                .header("Content-Type", "multipart/form-data; boundary=" + boundary)
                .POST(BodyPublishers.ofByteArray(form.toByteArray())).build();
        return new ImportedFlow(this, parse(request).path("id").asText());
    }

    /** The messages that components have left on the bulletin board within a group. */
    public List<String> bulletins(final String groupId) throws IOException, InterruptedException {
        final List<String> messages = new ArrayList<>();
        get("/flow/bulletin-board?groupId=" + groupId).path("bulletinBoard").path("bulletins")
                .forEach(entry -> {
                    final JsonNode bulletin = entry.path("bulletin");
                    messages.add(bulletin.path("level").asText() + " " + bulletin.path("sourceName").asText() + ": "
                            + bulletin.path("message").asText());
                });
        return messages;
    }

    /** Counters of all components: context and name to value. */
    public Map<String, Long> counters() throws IOException, InterruptedException {
        final Map<String, Long> counters = new TreeMap<>();
        get("/counters").path("counters").path("aggregateSnapshot").path("counters")
                .forEach(counter -> counters.put(counter.path("context").asText() + " / "
                        + counter.path("name").asText(), counter.path("valueCount").asLong()));
        return counters;
    }

    /**
     * The provenance events of one component, newest first.
     *
     * @param componentId a processor, or null for all
     */
    public List<JsonNode> provenance(final String componentId) throws IOException, InterruptedException {
        final ObjectNode query = JSON.createObjectNode();
        final ObjectNode request = query.putObject("provenance").putObject("request");
        request.put("maxResults", MAXIMUM_EVENTS).put("summarize", false).put("incrementalResults", false);
        if (componentId != null) {
            request.putObject("searchTerms").putObject("ProcessorID").put("value", componentId).put("inverse", false);
        }
        final JsonNode finished = job("/provenance", query, "provenance", "finished");
        final List<JsonNode> events = new ArrayList<>();
        finished.path("provenance").path("results").path("provenanceEvents").forEach(events::add);
        return events;
    }

    /** The content of the FlowFile that an event left, as the canvas's viewer shows it. */
    public byte[] outputContent(final JsonNode provenanceEvent) throws IOException, InterruptedException {
        return bytes("/provenance-events/" + provenanceEvent.path("eventId").asText() + "/content/output");
    }

    /** An attribute that a FlowFile had after an event; empty if it had none of that name. */
    static String attribute(final JsonNode provenanceEvent, final String name) {
        for (final JsonNode attribute : provenanceEvent.path("attributes")) {
            if (name.equals(attribute.path("name").asText())) {
                return attribute.path("value").asText();
            }
        }
        return "";
    }

    JsonNode get(final String path) throws IOException, InterruptedException {
        return parse(request(path).GET().build());
    }

    byte[] bytes(final String path) throws IOException, InterruptedException {
        final HttpResponse<byte[]> response = http.send(request(path).GET().build(), BodyHandlers.ofByteArray());
        if (response.statusCode() >= 300) {
            throw new IOException("GET " + path + " answered " + response.statusCode() + ": "
                    + new String(response.body(), StandardCharsets.UTF_8));
        }
        return response.body();
    }

    JsonNode put(final String path, final JsonNode body) throws IOException, InterruptedException {
        return parse(request(path).header("Content-Type", "application/json").PUT(text(body)).build());
    }

    JsonNode post(final String path, final JsonNode body) throws IOException, InterruptedException {
        return parse(request(path).header("Content-Type", "application/json").POST(text(body)).build());
    }

    JsonNode delete(final String path) throws IOException, InterruptedException {
        return parse(request(path).DELETE().build());
    }

    /**
     * Runs one of NiFi's jobs: asked for, polled until finished, deleted.
     *
     * @param path where jobs of the kind are made
     * @param body the request
     * @param key the object in the answers that holds id and state of the job
     * @param finished the flag in that object
     * @return the last answer
     */
    JsonNode job(final String path, final JsonNode body, final String key, final String finished)
            throws IOException, InterruptedException {
        JsonNode state = post(path, body);
        final String id = state.path(key).path(state.path(key).has("id") ? "id" : "requestId").asText();
        if (!state.path(key).path(finished).asBoolean()) {
            final Poll poll = new Poll(path + " to finish", JOB_LIMIT, () -> "");
            state = poll.until(() -> get(path + "/" + id), answer -> answer.path(key).path(finished).asBoolean());
        }
        delete(path + "/" + id + "?disconnectedNodeAcknowledged=false");
        return state;
    }

    /** An entity's current revision, under our name, as every change has to carry it. */
    ObjectNode revisionOf(final JsonNode entity) {
        final ObjectNode revision = JSON.createObjectNode();
        revision.put("clientId", clientId).put("version", entity.path("revision").path("version").asLong());
        return revision;
    }

    private HttpRequest.Builder request(final String path) {
        return HttpRequest.newBuilder(address.resolve("/nifi-api" + path)).timeout(REQUEST_LIMIT);
    }

    private JsonNode parse(final HttpRequest request) throws IOException, InterruptedException {
        final HttpResponse<String> response = http.send(request, BodyHandlers.ofString());
        if (response.statusCode() >= 300) {
            throw new IOException(request.method() + " " + request.uri() + " answered " + response.statusCode() + ": "
                    + response.body());
        }
        return JSON.readTree(response.body());
    }

    private static BodyPublisher text(final JsonNode body) {
        return BodyPublishers.ofString(body.toString());
    }
}
