package io.qwenimage.realnifi;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.TreeMap;

/** A process group that came from a flow definition. */
public final class ImportedFlow {
    private static final Duration STATE_LIMIT = Duration.ofMinutes(2);

    private final NiFiClient client;
    private final String id;

    ImportedFlow(final NiFiClient client, final String id) {
        this.client = client;
        this.id = id;
    }

    /**
     * A FlowFile that waits in a queue.
     *
     * @param connection the queue's id
     * @param uuid its id
     * @param attributes its attributes
     */
    public record Waiting(String connection, String uuid, Map<String, String> attributes) {
    }

    /** The group's id, as the canvas's address has it. */
    public String id() {
        return id;
    }

    /** Names and values of the parameters that the group's context holds. */
    public Map<String, String> parameters() throws IOException, InterruptedException {
        final Map<String, String> parameters = new TreeMap<>();
        parameterContext().path("component").path("parameters").forEach(entry ->
                parameters.put(entry.path("parameter").path("name").asText(),
                        entry.path("parameter").path("value").asText("")));
        return parameters;
    }

    /** Sets parameters; NiFi restarts what uses them. Those not named keep their values. */
    public void setParameters(final Map<String, String> values) throws IOException, InterruptedException {
        final JsonNode context = parameterContext();
        final Map<String, String> known = parameters();
        final ObjectNode request = NiFiClient.JSON.createObjectNode();
        request.set("revision", client.revisionOf(context));
        final ObjectNode component = request.put("id", context.path("id").asText()).putObject("component")
                .put("id", context.path("id").asText());
        final ArrayNode parameters = component.putArray("parameters");
        values.forEach((name, value) -> {
            if (!known.containsKey(name)) {
                throw new NoSuchElementException("The flow has no parameter \"" + name + "\", only " + known.keySet());
            }
            parameters.addObject().putObject("parameter").put("name", name).put("value", value).put("sensitive", false);
        });
        final JsonNode finished = client.job("/parameter-contexts/" + context.path("id").asText() + "/update-requests",
                request, "request", "complete");
        final JsonNode reason = finished.path("request").path("failureReason");
        if (!reason.isMissingNode() && !reason.isNull()) {
            throw new IOException("NiFi refused the parameters " + values + ": " + reason.asText());
        }
    }

    /** Enables the group's controller services and waits until all are. */
    public void enableServices() throws IOException, InterruptedException {
        switchServices("ENABLED");
    }

    /** Disables the group's controller services and waits until all are; the processors must have been stopped. */
    public void disableServices() throws IOException, InterruptedException {
        switchServices("DISABLED");
    }

    /** What keeps the group's controller services from being enabled: name and reasons, of those that are not valid. */
    public List<String> invalidServices() throws IOException, InterruptedException {
        final List<String> invalid = new ArrayList<>();
        services().forEach(service -> {
            final JsonNode component = service.path("component");
            if ("INVALID".equals(component.path("validationStatus").asText())) {
                invalid.add(component.path("name").asText() + ": " + component.path("validationErrors"));
            }
        });
        return invalid;
    }

    /** Starts all processors; fails with their own words when one of them is not valid. */
    public void start() throws IOException, InterruptedException {
        final List<String> problems = awaitValidation();
        if (!problems.isEmpty()) {
            throw new IllegalStateException("The flow cannot start: " + String.join("; ", problems));
        }
        schedule("RUNNING");
    }

    /**
     * Waits until NiFi has judged all processors and says what keeps them from running, one line per processor; empty
     * when all are valid.
     */
    public List<String> awaitValidation() throws IOException, InterruptedException {
        final Poll judged = new Poll("the validation of the processors", STATE_LIMIT, this::bulletinsText);
        judged.until(() -> processorsWhere("validationStatus", "VALIDATING"), List::isEmpty);
        return processorsWhere("validationStatus", "INVALID");
    }

    /** Stops all processors and waits until none has a thread left. */
    public void stop() throws IOException, InterruptedException {
        schedule("STOPPED");
        final Poll idle = new Poll("the processors to stop", STATE_LIMIT, this::bulletinsText);
        idle.until(() -> status().path("activeThreadCount").asInt(), threads -> threads == 0);
    }

    /** The id of the processor with a name. */
    public String processorId(final String name) throws IOException, InterruptedException {
        return processor(name).path("id").asText();
    }

    /** The names of the group's processors. */
    public List<String> processorNames() throws IOException, InterruptedException {
        final List<String> names = new ArrayList<>();
        processors().forEach(processor -> names.add(processor.path("component").path("name").asText()));
        return names;
    }

    /** Starts or stops one processor: state RUNNING, STOPPED or RUN_ONCE. */
    public void switchProcessor(final String name, final String state) throws IOException, InterruptedException {
        final JsonNode processor = processor(name);
        final ObjectNode request = NiFiClient.JSON.createObjectNode();
        request.set("revision", client.revisionOf(processor));
        request.put("state", state).put("disconnectedNodeAcknowledged", false);
        client.put("/processors/" + processor.path("id").asText() + "/run-status", request);
    }

    /** The FlowFiles that wait in queues leaving a component, by the component's name. */
    public List<Waiting> waitingAfter(final String sourceName) throws IOException, InterruptedException {
        final List<Waiting> waiting = new ArrayList<>();
        for (final JsonNode connection : client.get("/process-groups/" + id + "/connections").path("connections")) {
            if (sourceName.equals(connection.path("component").path("source").path("name").asText())) {
                waiting.addAll(waitingIn(connection.path("id").asText()));
            }
        }
        return waiting;
    }

    /** The content of a waiting FlowFile. */
    public byte[] content(final Waiting flowFile) throws IOException, InterruptedException {
        return client.bytes("/flowfile-queues/" + flowFile.connection() + "/flowfiles/" + flowFile.uuid() + "/content");
    }

    /** The messages that the group's components have left on the bulletin board. */
    public List<String> bulletins() throws IOException, InterruptedException {
        return client.bulletins(id);
    }

    /** Threads that work for one processor at the moment. */
    public int activeThreads(final String name) throws IOException, InterruptedException {
        return processor(name).path("status").path("aggregateSnapshot").path("activeThreadCount").asInt();
    }

    /** Drops whatever waits in the group's queues. */
    public void emptyQueues() throws IOException, InterruptedException {
        client.job("/process-groups/" + id + "/empty-all-connections-requests", NiFiClient.JSON.createObjectNode(),
                "dropRequest", "finished");
    }

    /** Stops everything, empties the queues and removes the group from the canvas. */
    public void remove() throws IOException, InterruptedException {
        stop();
        disableServices();
        emptyQueues();
        final JsonNode group = client.get("/process-groups/" + id);
        client.delete("/process-groups/" + id + "?disconnectedNodeAcknowledged=false&version="
                + group.path("revision").path("version").asLong());
    }

    /** The bulletins within the group, for messages. */
    String bulletinsText() {
        try {
            return String.join(System.lineSeparator(), client.bulletins(id));
        } catch (final IOException e) {
            return "no bulletins: " + e.getMessage();
        } catch (final InterruptedException e) {
            Thread.currentThread().interrupt();
            return "no bulletins: interrupted";
        }
    }

    private List<Waiting> waitingIn(final String connection) throws IOException, InterruptedException {
        final String queue = "/flowfile-queues/" + connection;
        final JsonNode listing = client.job(queue + "/listing-requests", NiFiClient.JSON.createObjectNode(),
                "listingRequest", "finished");
        final List<Waiting> waiting = new ArrayList<>();
        for (final JsonNode summary : listing.path("listingRequest").path("flowFileSummaries")) {
            final String uuid = summary.path("uuid").asText();
            final Map<String, String> attributes = new TreeMap<>();
            client.get(queue + "/flowfiles/" + uuid).path("flowFile").path("attributes").properties()
                    .forEach(attribute -> attributes.put(attribute.getKey(), attribute.getValue().asText()));
            waiting.add(new Waiting(connection, uuid, attributes));
        }
        return waiting;
    }

    private JsonNode parameterContext() throws IOException, InterruptedException {
        final String context = client.get("/process-groups/" + id).path("component").path("parameterContext").path("id")
                .asText("");
        if (context.isEmpty()) {
            throw new NoSuchElementException("The flow has no parameter context: its definition needs one");
        }
        return client.get("/parameter-contexts/" + context);
    }

    private JsonNode status() throws IOException, InterruptedException {
        return client.get("/flow/process-groups/" + id + "/status").path("processGroupStatus")
                .path("aggregateSnapshot");
    }

    private JsonNode processors() throws IOException, InterruptedException {
        return client.get("/process-groups/" + id + "/processors").path("processors");
    }

    private List<String> processorsWhere(final String field, final String value)
            throws IOException, InterruptedException {
        final List<String> found = new ArrayList<>();
        processors().forEach(processor -> {
            final JsonNode component = processor.path("component");
            if (value.equals(component.path(field).asText())) {
                found.add(component.path("name").asText() + ": " + component.path("validationErrors"));
            }
        });
        return found;
    }

    private JsonNode processor(final String name) throws IOException, InterruptedException {
        for (final JsonNode processor : processors()) {
            if (name.equals(processor.path("component").path("name").asText())) {
                return processor;
            }
        }
        throw new NoSuchElementException("The flow has no processor \"" + name + "\", only " + processorNames());
    }

    private void schedule(final String state) throws IOException, InterruptedException {
        client.put("/flow/process-groups/" + id,
                NiFiClient.JSON.createObjectNode().put("id", id).put("state", state)
                        .put("disconnectedNodeAcknowledged", false));
    }

    private void switchServices(final String state) throws IOException, InterruptedException {
        final Poll valid = new Poll("valid controller services", STATE_LIMIT, this::bulletinsText);
        valid.until(() -> serviceProblems("validationStatus", "VALIDATING"), List::isEmpty);
        client.put("/flow/process-groups/" + id + "/controller-services",
                NiFiClient.JSON.createObjectNode().put("id", id).put("state", state)
                        .put("disconnectedNodeAcknowledged", false));
        final Poll switched = new Poll("controller services in state " + state, STATE_LIMIT, this::bulletinsText);
        switched.until(() -> servicesNotIn(state), List::isEmpty);
    }

    private List<String> serviceProblems(final String field, final String value)
            throws IOException, InterruptedException {
        final List<String> found = new ArrayList<>();
        services().forEach(service -> {
            if (value.equals(service.path("component").path(field).asText())) {
                found.add(service.path("component").path("name").asText());
            }
        });
        return found;
    }

    private List<String> servicesNotIn(final String state) throws IOException, InterruptedException {
        final List<String> others = new ArrayList<>();
        services().forEach(service -> {
            final JsonNode component = service.path("component");
            if (!state.equals(component.path("state").asText())) {
                others.add(component.path("name").asText() + " " + component.path("state").asText() + " "
                        + component.path("validationErrors"));
            }
        });
        return others;
    }

    private JsonNode services() throws IOException, InterruptedException {
        return client.get("/flow/process-groups/" + id + "/controller-services?includeAncestorGroups=false")
                .path("controllerServices");
    }
}
