package io.qwenimage.realnifi;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.jar.Attributes;
import java.util.jar.JarFile;
import java.util.stream.Stream;

/**
 * One NiFi in a process of its own, on the loopback, with a home folder of its own.
 * It ends with {@link #close()}, and with the process that started it in any case.
 */
public final class NiFiInstance implements AutoCloseable {
    private static final Duration START_LIMIT = Duration.ofMinutes(10);
    private static final Duration DEPLOY_LIMIT = Duration.ofMinutes(5);
    private static final Duration STOP_LIMIT = Duration.ofSeconds(20);
    private static final int LOG_TAIL = 20;
    private static final int LOG_ERRORS = 10;
    private static final int FIRST_PORT = 20_000;
    private static final int LAST_PORT = 31_999;
    private static final int PORT_ATTEMPTS = 100;
    private static final List<String> CONFIGURATION = List.of("nifi.properties", "logback.xml", "state-management.xml");

    private final Path home;
    private final Process process;
    private final NiFiClient client;
    private final FileChannel lock;
    private final Thread shutdownHook;

    private NiFiInstance(final Path home, final Process process, final NiFiClient client, final FileChannel lock) {
        this.home = home;
        this.lock = lock;
        this.process = process;
        this.client = client;
        this.shutdownHook = new Thread(this::end, "end-nifi");
        Runtime.getRuntime().addShutdownHook(shutdownHook);
    }

    /**
     * Starts an empty NiFi and waits until its API answers.
     *
     * @param parts what the server is made of
     * @param home the instance's folder: flow, repositories, extensions and logs of an earlier run in it are deleted
     * @param port the port for canvas and API; 0 takes a free one
     * @param javaOptions options for the server's Java, such as {@code -Xmx2g}
     * @throws IllegalStateException when NiFi ends or stays silent, with the end of its log
     */
    public static NiFiInstance start(final ServerParts parts, final Path home, final int port,
            final List<String> javaOptions)
            throws IOException, InterruptedException {
        final int actualPort = port == 0 ? freePort() : port;
        final Path realHome = Files.createDirectories(home).toRealPath();
        final FileChannel lock = lock(realHome);
        for (final String leftover : List.of("conf", "repositories", "extensions", "logs")) {
            Folders.delete(realHome.resolve(leftover));
        }
        configure(parts, realHome, actualPort);
        final Process process = new ProcessBuilder(command(parts, realHome, javaOptions))
                .directory(realHome.toFile())
                .redirectErrorStream(true)
                .redirectOutput(realHome.resolve("logs/console.log").toFile())
                .start();
        final NiFiClient client = new NiFiClient(URI.create("http://127.0.0.1:" + actualPort));
        final NiFiInstance instance = new NiFiInstance(realHome, process, client, lock);
        try {
            instance.awaitApi();
            return instance;
        } catch (final IllegalStateException | InterruptedException e) {
            instance.close();
            throw e;
        }
    }

    /**
     * A port of the loopback that nobody listened on a moment ago. It is none of those that systems give to outgoing
     * connections: a client that asks again and again for a server still starting could be given that very port, and
     * keep it.
     */
    public static int freePort() throws IOException {
        final SplittableRandom random = new SplittableRandom();
        for (int attempt = 0; attempt < PORT_ATTEMPTS; attempt++) {
            final int port = random.nextInt(FIRST_PORT, LAST_PORT + 1);
            if (isFree(port)) {
                return port;
            }
        }
        throw new IOException("No free port was found between " + FIRST_PORT + " and " + LAST_PORT
                + ": end what listens on them");
    }

    /** Whether a server could listen on a port of the loopback now. */
    public static boolean isFree(final int port) throws IOException {
        try (ServerSocket socket = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
            return socket.isBound();
        } catch (final BindException e) {
            return false;
        }
    }

    /** The REST API of this instance. */
    public NiFiClient client() {
        return client;
    }

    /** The canvas's address. */
    public URI canvas() {
        return client.address().resolve("/nifi/");
    }

    /** The instance's folder. */
    public Path home() {
        return home;
    }

    /** The server's process. */
    public ProcessHandle process() {
        return process.toHandle();
    }

    /**
     * Puts a NAR into the autoload folder of the running NiFi and waits until its components can be used.
     *
     * @param nar the file; its manifest says under which bundle its components will appear
     * @return how many processors it brought
     */
    public int deploy(final Path nar) throws IOException, InterruptedException {
        final String artifact;
        try (JarFile archive = new JarFile(nar.toFile())) {
            final Attributes attributes = archive.getManifest().getMainAttributes();
            artifact = attributes.getValue("Nar-Id");
        }
        if (!client.processorTypesOf(artifact).isEmpty()) {
            throw new IllegalStateException("NiFi at " + client.address() + " holds the bundle " + artifact
                    + " already: deploy into a fresh instance");
        }
        // Under its final name only when it is whole: the autoloader may look at any moment.
        final Path extensions = Files.createDirectories(home.resolve("extensions"));
        final Path unfinished = extensions.resolve(nar.getFileName() + ".unfinished");
        Files.copy(nar, unfinished, StandardCopyOption.REPLACE_EXISTING);
        Files.move(unfinished, extensions.resolve(nar.getFileName()), StandardCopyOption.ATOMIC_MOVE);
        final Poll poll = new Poll("NiFi to load " + nar.getFileName(), DEPLOY_LIMIT, this::describe);
        return poll.until(() -> client.processorTypesOf(artifact), types -> !types.isEmpty()).size();
    }

    /** Waits until the server has ended, by itself or by somebody's signal. */
    int awaitEnd() throws InterruptedException {
        return process.waitFor();
    }

    /** The errors in the server's log and what it said last, for messages. */
    public String logTail() {
        final StringBuilder text = new StringBuilder();
        for (final String name : List.of("logs/console.log", "logs/nifi-app.log")) {
            final Path log = home.resolve(name);
            if (Files.exists(log)) {
                final List<String> lines = readLines(log);
                text.append("--- ").append(log).append(System.lineSeparator());
                final Stream<String> errors = lines.stream()
                        .filter(line -> line.contains(" ERROR ") || line.startsWith("Caused by: ")).limit(LOG_ERRORS);
                final Stream<String> last = lines.stream().skip(Math.max(0, lines.size() - LOG_TAIL));
                Stream.concat(errors, last).forEach(line -> text.append(line).append(System.lineSeparator()));
            }
        }
        return text.toString();
    }

    @Override
    public void close() throws IOException {
        end();
        lock.close();
        try {
            Runtime.getRuntime().removeShutdownHook(shutdownHook);
        } catch (final IllegalStateException e) {
            // The hook itself is running: this Java is ending, and the server with it.
            return;
        }
    }

    private void awaitApi() throws IOException, InterruptedException {
        final Poll poll = new Poll("NiFi's API at " + client.address(), START_LIMIT, this::describe);
        poll.until(() -> {
            if (!process.isAlive()) {
                throw new IllegalStateException("NiFi ended with status " + process.exitValue() + " while it started"
                        + System.lineSeparator() + logTail());
            }
            return client.answers();
        }, answers -> answers);
    }

    private String describe() {
        return (process.isAlive() ? "NiFi is running" : "NiFi has ended with status " + process.exitValue())
                + System.lineSeparator() + logTail();
    }

    private void end() {
        process.destroy();
        try {
            if (!process.waitFor(STOP_LIMIT.toSeconds(), TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
        } catch (final InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }

    private static List<String> command(final ServerParts parts, final Path home, final List<String> javaOptions)
            throws IOException {
        final List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(javaOptions);
        final Path ownClasses = Path.of(codeSource());
        final List<String> classPath = new ArrayList<>();
        classPath.add(home.resolve("conf").toString());
        NarPacker.jars(parts.library(), "*.jar").forEach(jar -> classPath.add(jar.toString()));
        classPath.add(ownClasses.toString());
        command.addAll(List.of("-cp", String.join(File.pathSeparator, classPath),
                "-Dnifi.properties.file.path=" + home.resolve("conf/nifi.properties"),
                "-Dorg.apache.nifi.bootstrap.config.log.dir=" + home.resolve("logs"),
                // Its port for signals of a supervisor is fixed unless one is named: two servers would collide.
                "-Dorg.apache.nifi.management.server.address=127.0.0.1:" + freePort(),
                "-Djava.io.tmpdir=" + Files.createDirectories(home.resolve("work/tmp")),
                "-Dorg.bytedeco.javacpp.cachedir=" + Files.createDirectories(home.resolve("work/javacpp")),
                "-Djava.awt.headless=true",
                ServerMain.class.getName(), Long.toString(ProcessHandle.current().pid())));
        return command;
    }

    /** Held as long as the instance uses its home, and released by the system should this Java be killed. */
    private static FileChannel lock(final Path home) throws IOException {
        final FileChannel channel = FileChannel.open(home.resolve("lock"), StandardOpenOption.CREATE,
                StandardOpenOption.WRITE);
        if (channel.tryLock() == null) {
            channel.close();
            throw new IllegalStateException("Another NiFi runs in " + home + ": end that one first");
        }
        return channel;
    }

    private static URI codeSource() {
        return URI.create(NiFiInstance.class.getProtectionDomain().getCodeSource().getLocation().toString());
    }

    private static void configure(final ServerParts parts, final Path home, final int port) throws IOException {
        final Map<String, String> values = Map.of(
                "${port}", Integer.toString(port),
                "${sensitive.properties.key}", UUID.randomUUID().toString(),
                "${server.nars}", parts.library().toString(),
                "${standard.nars}", parts.standardNars().toString());
        final Path configuration = Files.createDirectories(home.resolve("conf"));
        Files.createDirectories(home.resolve("logs"));
        Files.createDirectories(home.resolve("extensions"));
        for (final String name : CONFIGURATION) {
            try (InputStream resource = NiFiInstance.class.getResourceAsStream("conf/" + name)) {
                String text = new String(resource.readAllBytes(), StandardCharsets.UTF_8);
                for (final Map.Entry<String, String> value : values.entrySet()) {
                    text = text.replace(value.getKey(), value.getValue());
                }
                Files.writeString(configuration.resolve(name), text);
            }
        }
    }

    private static List<String> readLines(final Path file) {
        try (InputStream stream = Files.newInputStream(file)) {
            // A log is text of any encoding that broken input brings: no decoding error may hide it.
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
