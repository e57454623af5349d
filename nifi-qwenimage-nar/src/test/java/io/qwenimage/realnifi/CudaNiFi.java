package io.qwenimage.realnifi;

import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** A NiFi of its own with our NAR, in whose process stand-ins for NVIDIA's libraries pose as a GPU. */
final class CudaNiFi implements AutoCloseable {
    /** Under the serial collector the stand-ins hang: JCuda keeps an array in place while a call comes back to Java. */
    private static final List<String> JAVA_OPTIONS = List.of("-Xmx2g", "-XX:+UseG1GC");
    private static final List<String> COMPILERS = List.of("cc", "gcc", "clang");
    private static final Duration ANSWER_LIMIT = Duration.ofMinutes(1);

    private final NiFiInstance nifi;
    private final URI door;
    private final HttpClient http = HttpClient.newHttpClient();

    private CudaNiFi(final NiFiInstance nifi, final URI door) {
        this.nifi = nifi;
        this.door = door;
    }

    /** Whether this machine can have the stand-ins: they are built when they are installed, for Linux's loader. */
    static boolean isPossible() {
        return System.getProperty("os.name").startsWith("Linux") && COMPILERS.stream().anyMatch(compiler ->
                Stream.of(System.getenv("PATH").split(File.pathSeparator)).anyMatch(folder ->
                        Files.isExecutable(Path.of(folder, compiler))));
    }

    /** Starts it, and deploys the NAR. */
    static CudaNiFi start() throws IOException, InterruptedException {
        final int port = NiFiInstance.freePort();
        final List<String> options = new ArrayList<>(JAVA_OPTIONS);
        options.add("-D" + StandInServer.CLASS_PATH + "=" + standInClassPath());
        options.add("-D" + StandInServer.PORT + "=" + port);
        final NiFiInstance nifi = NiFiInstance.start(RealNiFi.serverParts(),
                RealNiFi.buildFolder().resolve("nifi-with-stand-ins"), 0, options);
        try {
            nifi.deploy(RealNiFi.nar());
            return new CudaNiFi(nifi, URI.create("http://127.0.0.1:" + port + "/"));
        } catch (final IOException | InterruptedException | RuntimeException e) {
            nifi.close();
            throw e;
        }
    }

    /** The server. */
    NiFiInstance server() {
        return nifi;
    }

    /** Provokes a fault by its name in the stand-in's {@code Faults}. */
    void provoke(final String fault, final long... numbers) throws IOException, InterruptedException {
        final StringBuilder path = new StringBuilder("faults/" + fault);
        for (final long number : numbers) {
            path.append('/').append(number);
        }
        ask(path.toString());
    }

    /** What the NAR did wrong with the driver or the libraries, and what the inspector found in kernels. */
    List<String> findings() throws IOException, InterruptedException {
        return ask("findings").lines().toList();
    }

    /** What is open on the device. */
    List<String> open() throws IOException, InterruptedException {
        return ask("open").lines().toList();
    }

    private String ask(final String path) throws IOException, InterruptedException {
        final HttpResponse<String> answer = http.send(HttpRequest.newBuilder(door.resolve(path)).timeout(ANSWER_LIMIT)
                .build(), HttpResponse.BodyHandlers.ofString());
        if (answer.statusCode() != 200) {
            throw new IOException("the stand-in answered " + path + " with " + answer.body());
        }
        return answer.body();
    }

    private static String standInClassPath() throws IOException {
        final Path kernels = RealNiFi.kernels();
        final List<Path> jars = new ArrayList<>(List.of(kernels.resolve("qwenimage-kernels-tests.jar"),
                kernels.resolve("qwenimage-kernels.jar")));
        jars.addAll(NarPacker.jars(RealNiFi.libraries(), "jna-*.jar"));
        jars.addAll(NarPacker.jars(RealNiFi.libraries(), "jcuda-*.jar"));
        final List<String> paths = new ArrayList<>();
        for (final Path jar : jars) {
            paths.add(jar.toRealPath().toString());
        }
        return String.join(File.pathSeparator, paths);
    }

    @Override
    public void close() throws IOException {
        nifi.close();
    }
}
