package io.qwenimage.realnifi;

import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;

/** The text-to-image flow in a running NiFi, with folders and a port of its own: prompts go in, pictures come out. */
final class TextToImageFlow implements AutoCloseable {
    static final String TEMPLATE = "text-to-image.json";
    static final String ENCODE = "Encode the prompt";
    static final String DENOISE = "Denoise";
    static final String DECODE = "Decode the picture";
    static final String SAVE = "Save the picture";
    private static final Duration LISTEN_LIMIT = Duration.ofSeconds(30);
    private static final Duration REQUEST_LIMIT = Duration.ofSeconds(30);

    private final ImportedFlow flow;
    private final Path prompts;
    private final Path pictures;
    private final Path failures;
    private final URI door;
    private final HttpClient http = HttpClient.newHttpClient();

    private TextToImageFlow(final ImportedFlow flow, final Path folder, final int port) throws IOException {
        this.flow = flow;
        this.prompts = Files.createDirectories(folder.resolve("prompts"));
        this.pictures = Files.createDirectories(folder.resolve("pictures"));
        this.failures = Files.createDirectories(folder.resolve("failures"));
        this.door = URI.create("http://127.0.0.1:" + port + "/");
    }

    /**
     * Imports the flow and starts it.
     *
     * @param nifi where to
     * @param template the flow definition
     * @param folder holds the folders of prompts, pictures and failures; they are made if missing
     * @param port the port to take prompts on
     */
    static TextToImageFlow start(final NiFiInstance nifi, final Path template, final Path folder, final int port)
            throws IOException, InterruptedException {
        final TextToImageFlow started = new TextToImageFlow(nifi.client().importFlow(template, "Text to image"),
                folder, port);
        final Map<String, String> parameters = new LinkedHashMap<>();
        parameters.put("prompts-folder", started.prompts.toString());
        parameters.put("pictures-folder", started.pictures.toString());
        parameters.put("failures-folder", started.failures.toString());
        parameters.put("http-port", Integer.toString(port));
        started.flow.setParameters(parameters);
        started.flow.enableServices();
        started.flow.start();
        return started;
    }

    /** The process group. */
    ImportedFlow group() {
        return flow;
    }

    /** Where prompts are taken over HTTP. */
    URI door() {
        return door;
    }

    /** The folder that prompts are read from. */
    Path prompts() {
        return prompts;
    }

    /** The folder that pictures are written to. */
    Path pictures() {
        return pictures;
    }

    /** The folder that what failed is written to. */
    Path failures() {
        return failures;
    }

    /** Puts a prompt into the folder as a file, which appears there whole. */
    void sendFile(final String name, final byte[] content) throws IOException {
        // Hidden files are not read.
        final Path unfinished = prompts.resolve("." + name);
        Files.write(unfinished, content);
        Files.move(unfinished, prompts.resolve(name), StandardCopyOption.ATOMIC_MOVE);
    }

    /**
     * Sends a prompt over HTTP.
     *
     * @param query settings such as {@code seed=7&steps=2}
     * @return what the picture will be called, less its extension
     */
    String sendHttp(final String prompt, final String query) throws IOException, InterruptedException {
        final HttpRequest request = HttpRequest.newBuilder(door.resolve("/?" + query)).timeout(REQUEST_LIMIT)
                .header("Content-Type", "text/plain; charset=utf-8")
                .POST(HttpRequest.BodyPublishers.ofString(prompt, StandardCharsets.UTF_8)).build();
        final Poll listening = new Poll("an answer at " + door, LISTEN_LIMIT, flow::bulletinsText);
        final HttpResponse<String> response = listening.until(() -> {
            try {
                return Optional.of(http.send(request, HttpResponse.BodyHandlers.ofString()));
            } catch (final ConnectException e) {
                // The processor opens its port a moment after it was started.
                return Optional.<HttpResponse<String>>empty();
            }
        }, Optional::isPresent).orElseThrow();
        if (response.statusCode() != 202) {
            throw new IllegalStateException("The prompt sent to " + request.uri() + " was answered with status "
                    + response.statusCode() + " instead of 202: " + response.body());
        }
        return response.headers().firstValue("filename").orElseThrow();
    }

    /** Waits until a picture is there, and fails with NiFi's words if anything new is among the failures instead. */
    byte[] awaitPicture(final String name, final Duration limit) throws IOException, InterruptedException {
        final int failedBefore = files(failures).size();
        final Path picture = pictures.resolve(name);
        final Poll poll = new Poll("the picture " + name, limit, flow::bulletinsText);
        poll.until(() -> {
            if (files(failures).size() > failedBefore) {
                throw new IllegalStateException("Instead of the picture " + name + " came a failure: "
                        + flow.bulletinsText());
            }
            return Files.exists(picture);
        }, exists -> exists);
        return Files.readAllBytes(picture);
    }

    /** Waits until a FlowFile of a name is among the failures. */
    Path awaitFailure(final String name, final Duration limit) throws IOException, InterruptedException {
        final Poll poll = new Poll("the failure " + name, limit, flow::bulletinsText);
        final List<Path> found = poll.until(() -> files(failures).keySet().stream()
                .filter(file -> file.getFileName().toString().equals(name)).toList(),
                files -> !files.isEmpty());
        return found.getFirst();
    }

    /** Files below a folder that are whole (NiFi hides unfinished ones), with the times of their last change. */
    static Map<Path, Long> files(final Path folder) throws IOException {
        final Map<Path, Long> files = new TreeMap<>();
        try (Stream<Path> found = Files.walk(folder)) {
            for (final Path file : found.toList()) {
                if (Files.isRegularFile(file) && !file.getFileName().toString().startsWith(".")) {
                    files.put(file, Files.getLastModifiedTime(file).toMillis());
                }
            }
        }
        return files;
    }

    @Override
    public void close() throws IOException, InterruptedException {
        flow.remove();
    }
}
