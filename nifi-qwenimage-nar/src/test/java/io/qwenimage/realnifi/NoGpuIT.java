package io.qwenimage.realnifi;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.time.Duration;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The CUDA service in a real NiFi on a machine that has no GPU: the NAR loads there as everywhere. */
@ExtendWith(RealNiFi.class)
class NoGpuIT {
    private static final String TYPE = "io.qwenimage.nifi.services.standard.CudaComputeDeviceService";
    /** NiFi's name for the outermost group. */
    private static final String CANVAS = "root";
    private static final Duration LIMIT = Duration.ofMinutes(2);

    private final NiFiClient client;

    NoGpuIT(final NiFiInstance nifi) {
        client = nifi.client();
    }

    @Test
    void serviceIsNotValidAndSaysWhyCudaIsNotOffered() throws IOException, InterruptedException {
        final JsonNode service = client.post("/process-groups/" + CANVAS + "/controller-services", request());
        final String path = "/controller-services/" + service.path("id").asText();
        try {
            final Poll judged = new Poll("the service's validation", LIMIT, () -> "");
            final JsonNode component = judged.until(() -> client.get(path).path("component"),
                    found -> !"VALIDATING".equals(found.path("validationStatus").asText()));
            Assumptions.assumeTrue("INVALID".equals(component.path("validationStatus").asText()),
                    "this machine has a GPU");
            final String reasons = component.path("validationErrors").toString();
            assertTrue(reasons.contains("CUDA is not offered: "), reasons);
        } finally {
            client.delete(path + "?disconnectedNodeAcknowledged=false&version="
                    + client.get(path).path("revision").path("version").asLong());
        }
    }

    private static ObjectNode request() {
        final ObjectNode request = NiFiClient.JSON.createObjectNode();
        request.putObject("revision").put("version", 0);
        request.putObject("component").put("type", TYPE).putObject("bundle").put("group", "io.qwenimage")
                .put("artifact", "nifi-qwenimage-nar").put("version", System.getProperty("qwenimage.version"));
        return request;
    }
}
