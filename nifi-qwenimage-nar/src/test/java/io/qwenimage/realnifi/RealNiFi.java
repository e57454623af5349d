package io.qwenimage.realnifi;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolutionException;
import org.junit.jupiter.api.extension.ParameterResolver;

/**
 * Hands the one NiFi of the test run to whoever asks for a {@link NiFiInstance}: it is started, and our NAR deployed
 * hot, when the first test asks, and ends with the run. A start that fails is not tried again.
 */
final class RealNiFi implements ParameterResolver {
    /** Beside the folder of flow definitions. */
    private static final String EDIT_MODEL =
            "../nifi-qwenimage-processors/src/test/resources/goldens-vision/models/edit-bf16";

    private static final ExtensionContext.Namespace NAMESPACE = ExtensionContext.Namespace.create(RealNiFi.class);
    /** Without the optimising compiler NiFi starts with half the work; here it lives too short for that to pay. */
    private static final List<String> JAVA_OPTIONS = List.of("-Xmx1g", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC");

    @Override
    public boolean supportsParameter(final ParameterContext parameter, final ExtensionContext context) {
        return parameter.getParameter().getType() == NiFiInstance.class;
    }

    @Override
    public Object resolveParameter(final ParameterContext parameter, final ExtensionContext context) {
        // The store closes what it holds when the run ends.
        final Start start = context.getRoot().getStore(NAMESPACE)
                .computeIfAbsent(Start.class, key -> Start.now(), Start.class);
        if (start.failure() != null) {
            throw new ParameterResolutionException("NiFi did not start", start.failure());
        }
        return start.instance();
    }

    /** The build folder, where tests may leave what is to be looked at. */
    static Path buildFolder() {
        return Path.of(property("qwenimage.build"));
    }

    /** What a server is made of. */
    static ServerParts serverParts() throws IOException {
        return ServerParts.of(Path.of(property("qwenimage.nifi.parts")));
    }

    /** The NAR under test. */
    static Path nar() {
        return Path.of(property("qwenimage.nar"));
    }

    /** The build folder of the kernels, with the stand-ins for NVIDIA's libraries. */
    static Path kernels() {
        return Path.of(property("qwenimage.kernels"));
    }

    /** The libraries that the processors were built with. */
    static Path libraries() {
        return Path.of(property("qwenimage.libraries"));
    }

    /** The folder with the flow definitions that are shipped. */
    static Path flowTemplates() {
        return Path.of(property("qwenimage.flow.templates"));
    }

    /** A tiny model of random weights in the layout of Qwen-Image-Edit, for flows that need a model folder. */
    static Path editModel() throws IOException {
        return flowTemplates().resolve(EDIT_MODEL).toRealPath();
    }

    private static String property(final String name) {
        final String value = System.getProperty(name);
        if (value == null) {
            throw new IllegalStateException("The system property " + name
                    + " is not set: run the integration tests with Maven's phase verify");
        }
        return value;
    }

    /** What came of the one attempt to start: an instance or a failure. */
    private record Start(NiFiInstance instance, Exception failure) implements AutoCloseable {
        static Start now() {
            try {
                final ServerParts parts = serverParts();
                final Path home = buildFolder().resolve("nifi-of-tests");
                final NiFiInstance instance = NiFiInstance.start(parts, home, 0, JAVA_OPTIONS);
                try {
                    instance.deploy(nar());
                    return new Start(instance, null);
                } catch (final IOException | InterruptedException | IllegalStateException e) {
                    instance.close();
                    throw e;
                }
            } catch (final InterruptedException e) {
                Thread.currentThread().interrupt();
                return new Start(null, e);
            } catch (final IOException | IllegalStateException e) {
                return new Start(null, e);
            }
        }

        @Override
        public void close() throws IOException {
            if (instance != null) {
                instance.close();
            }
        }
    }
}
