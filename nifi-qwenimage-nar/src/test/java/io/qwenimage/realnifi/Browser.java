package io.qwenimage.realnifi;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/**
 * A headless Chromium with one page, driven through its debugging protocol.
 * It ends with {@link #close()}, and with this Java in any case.
 */
final class Browser implements AutoCloseable {
    private static final Duration START_LIMIT = Duration.ofMinutes(1);
    private static final Duration PAGE_LIMIT = Duration.ofMinutes(1);
    private static final int ANSWER_SECONDS = 60;
    private static final int INSTALL_MINUTES = 5;
    private static final List<String> NAMES = List.of("chromium", "chromium-browser", "google-chrome",
            "google-chrome-stable");
    private static final List<Path> APPLICATIONS = List.of(
            Path.of("/Applications/Chromium.app/Contents/MacOS/Chromium"),
            Path.of("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"));

    private final Process process;
    private final Thread shutdownHook;
    private final WebSocket socket;
    private final Map<Integer, CompletableFuture<JsonNode>> pending;
    private final AtomicInteger lastCommand = new AtomicInteger();

    private Browser(final Process process, final Thread shutdownHook, final WebSocket socket,
            final Map<Integer, CompletableFuture<JsonNode>> pending) {
        this.process = process;
        this.shutdownHook = shutdownHook;
        this.socket = socket;
        this.pending = pending;
    }

    /** The browser's executable; where root may install packages with apt-get, a missing one is installed. */
    static Optional<Path> find(final Path log) throws IOException, InterruptedException {
        final Optional<Path> installed = installed();
        final boolean mayInstall = "root".equals(System.getProperty("user.name")) && onPath("apt-get").isPresent();
        if (installed.isPresent() || !mayInstall) {
            return installed;
        }
        final Process install = new ProcessBuilder("sh", "-c",
                "apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y chromium")
                .redirectErrorStream(true).redirectOutput(log.toFile()).start();
        if (!install.waitFor(INSTALL_MINUTES, TimeUnit.MINUTES)) {
            install.destroyForcibly().waitFor();
        }
        return installed();
    }

    /**
     * Starts a browser.
     *
     * @param executable the browser
     * @param profile an empty folder
     * @param width of the window, in pixels
     * @param height of the window, in pixels
     */
    static Browser start(final Path executable, final Path profile, final int width, final int height)
            throws IOException, InterruptedException {
        final Process process = new ProcessBuilder(executable.toString(), "--headless", "--no-sandbox",
                "--disable-gpu", "--disable-quic",
                "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--disable-dev-shm-usage", "--hide-scrollbars", "--window-size=" + width + "," + height,
                "--user-data-dir=" + profile, "--remote-debugging-port=0", "about:blank")
                .redirectErrorStream(true).redirectOutput(profile.resolve("browser.log").toFile()).start();
        final Thread hook = new Thread(process::destroyForcibly, "end-browser");
        Runtime.getRuntime().addShutdownHook(hook);
        try {
            final Map<Integer, CompletableFuture<JsonNode>> pending = new ConcurrentHashMap<>();
            final URI page = pageSocket(process, profile);
            final WebSocket socket = HttpClient.newHttpClient().newWebSocketBuilder()
                    .buildAsync(page, new Answers(pending)).get(ANSWER_SECONDS, TimeUnit.SECONDS);
            return new Browser(process, hook, socket, pending);
        } catch (final ExecutionException | TimeoutException e) {
            process.destroyForcibly();
            throw new IOException("The browser did not open its debugging socket", e);
        } catch (final IOException | InterruptedException | IllegalStateException e) {
            process.destroyForcibly();
            throw e;
        }
    }

    /** Opens an address. */
    void open(final URI address) throws IOException, InterruptedException {
        command("Page.navigate", NiFiClient.JSON.createObjectNode().put("url", address.toString()));
    }

    /** The value of a JavaScript expression on the page. */
    JsonNode evaluate(final String expression) throws IOException, InterruptedException {
        final JsonNode answer = command("Runtime.evaluate",
                NiFiClient.JSON.createObjectNode().put("expression", expression).put("returnByValue", true));
        return answer.path("result").path("value");
    }

    /** Waits until a JavaScript expression on the page is true. */
    void await(final String what, final String expression) throws IOException, InterruptedException {
        final Poll poll = new Poll(what + " on the page", PAGE_LIMIT, () -> "");
        poll.until(() -> evaluate(expression).asBoolean(), shown -> shown);
    }

    /** What the window shows, as PNG. */
    byte[] screenshot() throws IOException, InterruptedException {
        final JsonNode answer = command("Page.captureScreenshot",
                NiFiClient.JSON.createObjectNode().put("format", "png"));
        return Base64.getDecoder().decode(answer.path("data").asText());
    }

    @Override
    public void close() {
        socket.abort();
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
        try {
            process.waitFor(ANSWER_SECONDS, TimeUnit.SECONDS);
        } catch (final InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        Runtime.getRuntime().removeShutdownHook(shutdownHook);
    }

    private JsonNode command(final String method, final ObjectNode parameters)
            throws IOException, InterruptedException {
        final int id = lastCommand.incrementAndGet();
        final CompletableFuture<JsonNode> answer = new CompletableFuture<>();
        pending.put(id, answer);
        final ObjectNode message = NiFiClient.JSON.createObjectNode().put("id", id).put("method", method);
        message.set("params", parameters);
        try {
            socket.sendText(message.toString(), true).get(ANSWER_SECONDS, TimeUnit.SECONDS);
            final JsonNode received = answer.get(ANSWER_SECONDS, TimeUnit.SECONDS);
            if (received.has("error")) {
                throw new IOException("The browser refused " + method + ": " + received.path("error"));
            }
            return received.path("result");
        } catch (final ExecutionException | TimeoutException e) {
            throw new IOException("The browser did not answer " + method, e);
        }
    }

    private static Optional<Path> installed() {
        return Stream.concat(NAMES.stream().flatMap(name -> onPath(name).stream()),
                APPLICATIONS.stream().filter(Files::isExecutable)).findFirst();
    }

    private static Optional<Path> onPath(final String name) {
        return Stream.of(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator))
                .filter(folder -> !folder.isEmpty())
                .map(folder -> Path.of(folder, name)).filter(Files::isExecutable).findFirst();
    }

    /** The browser writes the port it chose into its profile; its only page is among what it lists there. */
    private static URI pageSocket(final Process process, final Path profile) throws IOException, InterruptedException {
        final Path portFile = profile.resolve("DevToolsActivePort");
        final Poll poll = new Poll("the browser's debugging port", START_LIMIT,
                () -> "see " + profile.resolve("browser.log"));
        final List<String> lines = poll.until(() -> {
            if (!process.isAlive()) {
                throw new IllegalStateException("The browser ended with status " + process.exitValue() + ": "
                        + Files.readString(profile.resolve("browser.log")));
            }
            return Files.exists(portFile) ? Files.readAllLines(portFile) : List.<String>of();
        }, found -> found.size() == 2);
        final URI list = URI.create("http://127.0.0.1:" + lines.getFirst() + "/json/list");
        final HttpRequest request = HttpRequest.newBuilder(list)
                .timeout(Duration.ofSeconds(ANSWER_SECONDS)).GET().build();
        final HttpClient http = HttpClient.newHttpClient();
        final Poll pages = new Poll("the browser's page", START_LIMIT, () -> "");
        return URI.create(pages.until(() -> {
            final String targets = http.send(request, HttpResponse.BodyHandlers.ofString()).body();
            for (final JsonNode target : NiFiClient.JSON.readTree(targets)) {
                if ("page".equals(target.path("type").asText().toLowerCase(Locale.ROOT))) {
                    return target.path("webSocketDebuggerUrl").asText();
                }
            }
            return "";
        }, address -> !address.isEmpty()));
    }

    /** Joins the parts of messages and hands answers to those who wait; events are not listened to. */
    private static final class Answers implements WebSocket.Listener {
        private final Map<Integer, CompletableFuture<JsonNode>> pending;
        private final StringBuilder text = new StringBuilder();

        Answers(final Map<Integer, CompletableFuture<JsonNode>> pending) {
            this.pending = pending;
        }

        @Override
        public CompletionStage<?> onText(final WebSocket webSocket, final CharSequence part, final boolean last) {
            text.append(part);
            if (last) {
                try {
                    final JsonNode message = NiFiClient.JSON.readTree(text.toString());
                    final CompletableFuture<JsonNode> waiting = pending.remove(message.path("id").asInt());
                    if (waiting != null) {
                        waiting.complete(message);
                    }
                } catch (final IOException e) {
                    pending.values().forEach(waiting -> waiting.completeExceptionally(e));
                } finally {
                    text.setLength(0);
                }
            }
            webSocket.request(1);
            return null;
        }

        @Override
        public void onError(final WebSocket webSocket, final Throwable error) {
            pending.values().forEach(waiting -> waiting.completeExceptionally(error));
        }
    }
}
