package io.qwenimage.realnifi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every shipped flow definition can be imported into a NiFi and needs nothing but folders to be ready to start. */
@ExtendWith(RealNiFi.class)
class FlowTemplatesIT {
    private static final String FOLDER_PARAMETER = "-folder";
    private static final String MODEL_PARAMETER = "model-folder";
    private static final String OWN_BUNDLE = "nifi-qwenimage-nar";

    private final NiFiInstance nifi;

    FlowTemplatesIT(final NiFiInstance nifi) {
        this.nifi = nifi;
    }

    static Stream<Path> templates() throws IOException {
        final List<Path> templates;
        try (Stream<Path> files = Files.list(RealNiFi.flowTemplates())) {
            templates = files.filter(file -> file.toString().endsWith(".json")).sorted().toList();
        }
        assertFalse(templates.isEmpty(), "no flow definition in " + RealNiFi.flowTemplates());
        return templates.stream();
    }

    @ParameterizedTest
    @MethodSource("templates")
    void templateIsValidOnceItsFoldersExist(final Path template, @TempDir final Path folder)
            throws IOException, InterruptedException {
        final ImportedFlow flow = nifi.client().importFlow(template, "validity of " + template.getFileName());
        try {
            final Map<String, String> folders = new HashMap<>();
            for (final String parameter : flow.parameters().keySet()) {
                if (parameter.endsWith(FOLDER_PARAMETER)) {
                    folders.put(parameter, (parameter.endsWith(MODEL_PARAMETER) ? RealNiFi.editModel()
                            : Files.createDirectory(folder.resolve(parameter))).toString());
                }
            }
            flow.setParameters(folders);
            flow.enableServices();
            assertEquals(List.of(), flow.awaitValidation());
        } finally {
            flow.remove();
        }
    }

    @ParameterizedTest
    @MethodSource("templates")
    void templateNamesTheBundleThatThisBuildMakes(final Path template) throws IOException {
        for (final JsonNode bundle : NiFiClient.JSON.readTree(template.toFile()).findValues("bundle")) {
            if (OWN_BUNDLE.equals(bundle.path("artifact").asText())) {
                assertEquals(System.getProperty("qwenimage.version"), bundle.path("version").asText());
            }
        }
    }
}
