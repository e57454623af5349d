package io.qwenimage.realnifi;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.net.BindException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/** Prompts to pictures in a real NiFi, for a person who watches: what {@code .bin/nifi} runs. */
public final class Demonstration {
    private static final int CANVAS_PORT = 18080;
    private static final int PROMPT_PORT = 18182;
    private static final Duration PICTURES_LIMIT = Duration.ofMinutes(10);
    private static final String PICTURES_PARAMETER = "pictures-folder";
    private static final String FAILURES_PARAMETER = "failures-folder";
    private static final String PROMPTS_PARAMETER = "prompts-folder";
    private static final String HTTP_PROMPT = "a blue star above a yellow square";
    private static final Map<String, String> FILE_PROMPTS = filePrompts();

    private final PrintStream out;
    private final Path home;
    private final Map<String, Path> folders = new LinkedHashMap<>();

    private Demonstration(final PrintStream out, final Path home) throws IOException {
        this.out = out;
        this.home = Files.createDirectories(home).toRealPath();
        for (final String parameter : List.of(PROMPTS_PARAMETER, PICTURES_PARAMETER, FAILURES_PARAMETER)) {
            folders.put(parameter, Files.createDirectories(this.home.resolve(parameter.replace("-folder", ""))));
        }
    }

    /** Argument: {@code --once} to end NiFi when the pictures are there. */
    public static void main(final String[] arguments) throws IOException, InterruptedException {
        final List<String> options = List.of(arguments);
        if (!List.of("--once").containsAll(options)) {
            System.err.println("Unknown argument in " + options + ": only --once (end NiFi when the pictures are there) is known");
            System.exit(2);
        }
        final Path build = Path.of(System.getProperty("qwenimage.build"));
        try {
            new Demonstration(System.out, build.resolve("demonstration")).run(
                    ServerParts.of(Path.of(System.getProperty("qwenimage.nifi.parts"))),
                    Path.of(System.getProperty("qwenimage.nar")),
                    Path.of(System.getProperty("qwenimage.flow.templates")).resolve("text-to-image.json"),
                    options.contains("--once"));
        } catch (final IllegalStateException e) {
            System.err.println(e.getMessage());
            System.exit(1);
        }
    }

    private void run(final ServerParts parts, final Path nar, final Path template, final boolean once) throws IOException, InterruptedException {
        out.println("Starting NiFi ...");
        try (NiFiInstance nifi = NiFiInstance.start(parts, home.resolve("nifi"), freeOr(CANVAS_PORT), List.of("-Xmx2g"))) {
            out.println("NiFi " + nifi.client().version() + " runs at " + nifi.canvas() + "; its log is " + nifi.home().resolve("logs/nifi-app.log"));
            final int processors = nifi.deploy(nar);
            out.println("Loaded " + nar.getFileName() + " into the running NiFi: " + processors + " processors");
            final ImportedFlow flow = nifi.client().importFlow(template, "Text to image");
            final int promptPort = freeOr(PROMPT_PORT);
            final Map<String, String> parameters = new LinkedHashMap<>();
            folders.forEach((parameter, folder) -> parameters.put(parameter, folder.toString()));
            parameters.put("http-port", Integer.toString(promptPort));
            flow.setParameters(parameters);
            flow.enableServices();
            flow.start();
            out.println("Imported and started " + template.getFileName());
            sayWhatTheModelIs();
            final URI prompts = URI.create("http://127.0.0.1:" + promptPort + "/");
            final Path pictures = folders.get(PICTURES_PARAMETER);
            final Map<Path, Long> before = files(pictures);
            final int failuresBefore = files(folders.get(FAILURES_PARAMETER)).size();
            send(prompts);
            awaitPictures(flow, before, failuresBefore);
            out.println();
            out.println("Pictures: " + pictures);
            out.println("Canvas:   " + nifi.canvas() + "#/process-groups/" + flow.id());
            if (once) {
                return;
            }
            out.println("More:     put a text file into " + folders.get(PROMPTS_PARAMETER) + ", or");
            out.println("          curl -d \"two green circles\" " + prompts + "?seed=7");
            out.println("NiFi runs until Ctrl-C.");
            final int status = nifi.awaitEnd();
            out.println("NiFi has ended with status " + status);
        }
    }

    private void sayWhatTheModelIs() throws IOException {
        try (InputStream card = Demonstration.class.getResourceAsStream("/io/qwenimage/demo/qwenimage.json")) {
            if (card == null) {
                throw new IllegalStateException("The embedded demo model is missing from nifi-qwenimage-processors/target/classes: delete that folder and run again");
            }
            final JsonNode model = NiFiClient.JSON.readTree(card);
            out.println("Model: " + model.path("display_name").asText());
            if (!model.path("trained").asBoolean()) {
                out.println("The demo model has random weights: its pictures show that the flow works, not what the prompts say.");
            }
        }
    }

    private void send(final URI address) throws IOException, InterruptedException {
        final Path folder = folders.get(PROMPTS_PARAMETER);
        for (final Map.Entry<String, String> prompt : FILE_PROMPTS.entrySet()) {
            Files.writeString(folder.resolve(prompt.getKey()), prompt.getValue());
            out.println("Sent as a file " + prompt.getKey() + ": " + prompt.getValue());
        }
        final HttpRequest request = HttpRequest.newBuilder(address.resolve("/?seed=7")).header("Content-Type", "text/plain; charset=utf-8")
                .POST(HttpRequest.BodyPublishers.ofString(HTTP_PROMPT, StandardCharsets.UTF_8)).build();
        final HttpClient http = HttpClient.newHttpClient();
        final Poll listening = new Poll("an answer at " + address, Duration.ofSeconds(30), () -> "");
        final int status = listening.until(() -> {
            try {
                return http.send(request, HttpResponse.BodyHandlers.discarding()).statusCode();
            } catch (final ConnectException e) {
                // The processor opens its port a moment after it was started.
                return 0;
            }
        }, code -> code != 0);
        if (status != 202) {
            throw new IllegalStateException("The prompt sent to " + address + " was answered with status " + status + " instead of 202");
        }
        out.println("Sent over HTTP: " + HTTP_PROMPT);
    }

    private void awaitPictures(final ImportedFlow flow, final Map<Path, Long> before, final int failuresBefore)
            throws IOException, InterruptedException {
        final int wanted = FILE_PROMPTS.size() + 1;
        final long start = System.nanoTime();
        final List<Path> arrived = new ArrayList<>();
        final Set<String> told = new HashSet<>();
        final Poll poll = new Poll(wanted + " pictures", PICTURES_LIMIT, flow::bulletinsText);
        poll.until(() -> {
            for (final Map.Entry<Path, Long> picture : files(folders.get(PICTURES_PARAMETER)).entrySet()) {
                if (!arrived.contains(picture.getKey()) && !picture.getValue().equals(before.get(picture.getKey()))) {
                    arrived.add(picture.getKey());
                    out.printf("%5.1f s  %s%n", (System.nanoTime() - start) / 1e9, picture.getKey());
                }
            }
            for (final String bulletin : flow.bulletins()) {
                if (told.add(bulletin)) {
                    out.println("        " + bulletin);
                }
            }
            if (files(folders.get(FAILURES_PARAMETER)).size() > failuresBefore) {
                throw new IllegalStateException("A prompt failed; it is kept in " + folders.get(FAILURES_PARAMETER));
            }
            return arrived.size();
        }, count -> count >= wanted);
    }

    /** Files below a folder that are whole (NiFi hides unfinished ones), with the times of their last change. */
    private static Map<Path, Long> files(final Path folder) throws IOException {
        final Map<Path, Long> files = new LinkedHashMap<>();
        try (Stream<Path> found = Files.walk(folder)) {
            for (final Path file : found.sorted().toList()) {
                if (Files.isRegularFile(file) && !file.getFileName().toString().startsWith(".")) {
                    files.put(file, Files.getLastModifiedTime(file).toMillis());
                }
            }
        }
        return files;
    }

    private static int freeOr(final int preferred) throws IOException {
        try (ServerSocket socket = new ServerSocket(preferred, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        } catch (final BindException e) {
            return NiFiInstance.freePort();
        }
    }

    private static Map<String, String> filePrompts() {
        final Map<String, String> prompts = new LinkedHashMap<>();
        prompts.put("red-circle.txt", "a red circle");
        prompts.put("two-shapes.txt", "a green triangle to the left of a blue square");
        prompts.put("yellow-star.txt", "a yellow star");
        return prompts;
    }
}
