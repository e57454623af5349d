package io.qwenimage.realnifi;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Prompts to pictures in a real NiFi, for a person who watches: what {@code .bin/nifi} runs. */
public final class Demonstration {
    private static final String ONCE = "--once";
    private static final String MEASURE = "--measure";
    private static final int CANVAS_PORT = 18080;
    private static final int PROMPT_PORT = 18182;
    private static final Duration PICTURES_LIMIT = Duration.ofMinutes(10);
    private static final String HTTP_PROMPT = "a blue star above a yellow square";
    private static final Map<String, String> FILE_PROMPTS = filePrompts();

    private final PrintStream out;
    private final Path home;

    private Demonstration(final PrintStream out, final Path home) throws IOException {
        this.out = out;
        this.home = Files.createDirectories(home).toRealPath();
    }

    /**
     * Arguments: {@code --once} to end NiFi when the pictures are there, {@code --measure} to measure NiFi's own part
     * of a picture's time before.
     */
    public static void main(final String[] arguments) throws IOException, InterruptedException {
        final List<String> options = List.of(arguments);
        if (!List.of(ONCE, MEASURE).containsAll(options)) {
            System.err.println("Unknown argument in " + options + ": known are " + ONCE
                    + " (end NiFi when the pictures are there) and "
                    + MEASURE + " (measure NiFi's own part of a picture's time)");
            System.exit(2);
        }
        final Path build = Path.of(System.getProperty("qwenimage.build"));
        try {
            new Demonstration(System.out, build.resolve("demonstration")).run(
                    ServerParts.of(Path.of(System.getProperty("qwenimage.nifi.parts"))),
                    Path.of(System.getProperty("qwenimage.nar")),
                    Path.of(System.getProperty("qwenimage.flow.templates")).resolve(TextToImageFlow.TEMPLATE),
                    options);
        } catch (final IllegalStateException e) {
            System.err.println(e.getMessage());
            System.exit(1);
        }
    }

    private void run(final ServerParts parts, final Path nar, final Path template, final List<String> options)
            throws IOException, InterruptedException {
        out.println("Starting NiFi ...");
        try (NiFiInstance nifi = NiFiInstance.start(parts, home.resolve("nifi"), freeOr(CANVAS_PORT),
                List.of("-Xmx2g"))) {
            out.println("NiFi " + nifi.client().version() + " runs at " + nifi.canvas() + "; its log is "
                    + nifi.home().resolve("logs/nifi-app.log"));
            final int processors = nifi.deploy(nar);
            out.println("Loaded " + nar.getFileName() + " into the running NiFi: " + processors + " processors");
            final TextToImageFlow flow = TextToImageFlow.start(nifi, template, home, freeOr(PROMPT_PORT));
            out.println("Imported and started " + template.getFileName());
            sayWhatTheModelIs();
            final Map<Path, Long> before = TextToImageFlow.files(flow.pictures());
            final int failuresBefore = TextToImageFlow.files(flow.failures()).size();
            send(flow);
            awaitPictures(flow, before, failuresBefore);
            out.println();
            out.println("Pictures: " + flow.pictures());
            out.println("Canvas:   " + nifi.canvas() + "#/process-groups/" + flow.group().id());
            if (options.contains(MEASURE)) {
                new Overhead(nifi, flow).print(out);
            }
            if (options.contains(ONCE)) {
                return;
            }
            out.println("More:     put a text file into " + flow.prompts() + ", or");
            out.println("          curl -d \"two green circles\" \"" + flow.door() + "?seed=7\"");
            out.println("NiFi runs until Ctrl-C.");
            final int status = nifi.awaitEnd();
            out.println("NiFi has ended with status " + status);
        }
    }

    private void sayWhatTheModelIs() throws IOException {
        try (InputStream card = Demonstration.class.getResourceAsStream("/io/qwenimage/demo/qwenimage.json")) {
            if (card == null) {
                throw new IllegalStateException("The embedded demo model is missing from "
                        + "nifi-qwenimage-processors/target/classes: delete that folder and run again");
            }
            final JsonNode model = NiFiClient.JSON.readTree(card);
            out.println("Model: " + model.path("display_name").asText());
            if (!model.path("trained").asBoolean()) {
                out.println("The demo model has random weights: its pictures show that the flow works, "
                        + "not what the prompts say.");
            }
        }
    }

    private void send(final TextToImageFlow flow) throws IOException, InterruptedException {
        for (final Map.Entry<String, String> prompt : FILE_PROMPTS.entrySet()) {
            flow.sendFile(prompt.getKey(), prompt.getValue().getBytes(StandardCharsets.UTF_8));
            out.println("Sent as the file " + prompt.getKey() + ": " + prompt.getValue());
        }
        flow.sendHttp(HTTP_PROMPT, "seed=7");
        out.println("Sent over HTTP: " + HTTP_PROMPT);
    }

    private void awaitPictures(final TextToImageFlow flow, final Map<Path, Long> before, final int failuresBefore)
            throws IOException, InterruptedException {
        final int wanted = FILE_PROMPTS.size() + 1;
        final long start = System.nanoTime();
        final List<Path> arrived = new ArrayList<>();
        final Set<String> told = new HashSet<>();
        final Poll poll = new Poll(wanted + " pictures", PICTURES_LIMIT, () -> "");
        poll.until(() -> {
            for (final Map.Entry<Path, Long> picture : TextToImageFlow.files(flow.pictures()).entrySet()) {
                if (!arrived.contains(picture.getKey()) && !picture.getValue().equals(before.get(picture.getKey()))) {
                    arrived.add(picture.getKey());
                    out.printf("%5.1f s  %s%n", (System.nanoTime() - start) / 1e9, picture.getKey());
                }
            }
            for (final String bulletin : flow.group().bulletins()) {
                if (told.add(bulletin)) {
                    out.println("        " + bulletin);
                }
            }
            if (TextToImageFlow.files(flow.failures()).size() > failuresBefore) {
                throw new IllegalStateException("A prompt failed; it is kept in " + flow.failures());
            }
            return arrived.size();
        }, count -> count >= wanted);
    }

    private static int freeOr(final int preferred) throws IOException {
        return NiFiInstance.isFree(preferred) ? preferred : NiFiInstance.freePort();
    }

    private static Map<String, String> filePrompts() {
        final Map<String, String> prompts = new LinkedHashMap<>();
        prompts.put("red-circle.txt", "a red circle");
        prompts.put("two-shapes.txt", "a green triangle to the left of a blue square");
        prompts.put("yellow-star.txt", "a yellow star");
        return Collections.unmodifiableMap(prompts);
    }
}
