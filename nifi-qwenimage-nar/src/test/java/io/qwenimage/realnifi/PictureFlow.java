package io.qwenimage.realnifi;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A flow that takes pictures from a folder, in a running NiFi, with folders of its own for what comes of them. */
final class PictureFlow implements AutoCloseable {
    static final String CAPTION = "caption-and-index.json";
    static final String GROUND = "ground-and-crop.json";
    static final String EDIT = "image-edit.json";
    static final String ASSETS = "asset-pipeline.json";
    private static final String MODEL_FOLDER = "model-folder";

    private final ImportedFlow flow;
    private final Path folder;

    private PictureFlow(final ImportedFlow flow, final Path folder) {
        this.flow = flow;
        this.folder = folder;
    }

    /**
     * Imports the flow and starts it.
     *
     * @param template the flow definition
     * @param folder   holds a folder for each parameter of the flow that names one; they are made if missing
     * @param settings other parameters
     */
    static PictureFlow start(final NiFiInstance nifi, final Path template, final Path folder,
            final Map<String, String> settings) throws IOException, InterruptedException {
        final ImportedFlow flow = nifi.client().importFlow(template, template.getFileName().toString());
        final Map<String, String> parameters = new HashMap<>(settings);
        for (final String parameter : flow.parameters().keySet()) {
            if (parameter.endsWith("-folder") && !parameter.endsWith(MODEL_FOLDER)) {
                parameters.put(parameter, Files.createDirectories(folder.resolve(parameter)).toString());
            }
        }
        flow.setParameters(parameters);
        flow.enableServices();
        flow.start();
        return new PictureFlow(flow, folder);
    }

    /** Puts a file where the flow looks for pictures. */
    void send(final String name, final byte[] content) throws IOException {
        send("pictures-folder", name, content);
    }

    /** Puts a file into the folder that a parameter names; it appears whole, since hidden files are not read. */
    void send(final String parameter, final String name, final byte[] content) throws IOException {
        final Path watched = folder.resolve(parameter);
        Files.write(watched.resolve("." + name), content);
        Files.move(watched.resolve("." + name), watched.resolve(name), StandardCopyOption.ATOMIC_MOVE);
    }

    /** Sets parameters of the running flow. */
    void set(final Map<String, String> parameters) throws IOException, InterruptedException {
        flow.setParameters(parameters);
    }

    /** Files in the folder that a parameter names. */
    List<Path> files(final String parameter) throws IOException {
        return List.copyOf(TextToImageFlow.files(folder.resolve(parameter)).keySet());
    }

    /** Waits until there are so many files in the folder that a parameter names. */
    List<Path> await(final String parameter, final int count, final Duration limit)
            throws IOException, InterruptedException {
        return new Poll(count + " files in " + parameter, limit, flow::bulletinsText)
                .until(() -> files(parameter), found -> found.size() == count);
    }

    /** Waits until the index of the flow that captions has so many lines. */
    List<JsonNode> awaitIndex(final int count, final Duration limit) throws IOException, InterruptedException {
        return new Poll(count + " lines of the index", limit, flow::bulletinsText)
                .until(this::index, lines -> lines.size() == count);
    }

    /** Waits until the flow that grounds has answered: the annotated picture, or null if nothing was found. */
    Path awaitAnswer(final Duration limit) throws IOException, InterruptedException {
        new Poll("boxes or a picture set aside", limit, flow::bulletinsText).until(() -> (files("boxes-folder").isEmpty()
                || files("annotated-folder").isEmpty() ? 0 : 1) + files("not-found-folder").size(), count -> count > 0);
        final List<Path> annotated = files("annotated-folder");
        return annotated.isEmpty() ? null : annotated.getFirst();
    }

    /** The boxes of the first picture in which something was found. */
    JsonNode boxes() throws IOException {
        return NiFiClient.JSON.readTree(files("boxes-folder").getFirst().toFile()).path("boxes");
    }

    private List<JsonNode> index() throws IOException {
        final List<JsonNode> lines = new ArrayList<>();
        for (final Path file : files("index-folder")) {
            for (final String line : Files.readAllLines(file)) {
                lines.add(NiFiClient.JSON.readTree(line));
            }
        }
        return lines;
    }

    @Override
    public void close() throws IOException {
        try {
            flow.remove();
        } catch (final InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while a flow was removed");
        }
    }
}
