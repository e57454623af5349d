package io.qwenimage.realnifi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;

/**
 * The shipped text-to-image flow on the CUDA service in a real NiFi, over stand-ins for the driver, cuBLASLt and cuDNN:
 * pictures, a device that fails and comes back, memory that lacks, a kernel that never ends, a processor that is
 * terminated, and a device that is lost for good, in this order.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class CudaIT {
    private static final Duration LIMIT = Duration.ofMinutes(5);
    private static final String GPU = "GPU";
    private static final String CONTEXT = "Text to image";
    private static final String SETTINGS = "steps=2&scale=1&width=32&height=32&seed=";
    private static final String LARGER = "steps=2&scale=1&width=48&height=32&seed=";
    /** Longer than a step takes on a machine that has other work, too. */
    private static final String STEP_TIMEOUT = "30 secs";
    private static final int ILLEGAL_ADDRESS = 700;
    private static final double DECIBELS = 35;

    private CudaNiFi nifi;
    private TextToImageFlow gpu;
    private TextToImageFlow cpu;

    @BeforeAll
    void startFlows(@TempDir final Path folder) throws IOException, InterruptedException {
        final Path template = RealNiFi.flowTemplates().resolve(TextToImageFlow.TEMPLATE);
        Assumptions.assumeTrue(CudaNiFi.isPossible(), "the stand-ins for NVIDIA's libraries need Linux and a C "
                + "compiler (cc, gcc or clang) on the path");
        nifi = CudaNiFi.start();
        gpu = TextToImageFlow.start(nifi.server(), onGpu(template, folder), folder.resolve("gpu"),
                NiFiInstance.freePort());
        cpu = TextToImageFlow.start(nifi.server(), template, folder.resolve("cpu"), NiFiInstance.freePort());
    }

    @AfterAll
    void end() throws IOException {
        if (nifi != null) {
            nifi.close();
        }
    }

    @Test
    @Order(1)
    void processorsShareTheGpuAndMakeThePicturesThatTheCpuMakes() throws IOException, InterruptedException {
        final String first = gpu.sendHttp("a red circle", SETTINGS + 7);
        final String second = gpu.sendHttp("a blue square", SETTINGS + 8);
        assertLike(cpu.sendHttp("a red circle", SETTINGS + 7), first);
        assertLike(cpu.sendHttp("a blue square", SETTINGS + 8), second);
        assertEquals(List.of(), nifi.findings());
        assertEquals(1, nifi.open().stream().filter(open -> open.startsWith("the context of")).count(),
                () -> "one device for all: " + gpu.group().bulletinsText());
    }

    @Test
    @Order(2)
    void pictureComesThoughTheDeviceFails() throws IOException, InterruptedException {
        nifi.provoke("failLaunchAfter", 30, ILLEGAL_ADDRESS);
        final String name = gpu.sendHttp("a green star", SETTINGS + 9);
        assertLike(cpu.sendHttp("a green star", SETTINGS + 9), name);
        final String bulletins = String.join("\n", gpu.group().bulletins());
        for (final String told : List.of("ERROR " + GPU + ":", "is taken out", "CUDA_ERROR_ILLEGAL_ADDRESS",
                "The device is open again", "stays in its queue")) {
            assertTrue(bulletins.contains(told), () -> told + " is not among the bulletins: " + bulletins);
        }
        assertEquals(List.of(), nifi.findings());
    }

    @Test
    @Order(3)
    void pictureComesWhenThereIsMemoryAgain() throws IOException, InterruptedException {
        // As if others had taken the rest: a larger picture than before finds nothing for it in the pool.
        nifi.provoke("limitMemory", 1);
        final String name = gpu.sendHttp("a blue triangle", LARGER + 11);
        awaitBulletin("bytes were asked of", "free on the device", "A smaller picture, fewer requests at a time");
        nifi.provoke("limitMemory", Long.MAX_VALUE);
        assertLike(cpu.sendHttp("a blue triangle", LARGER + 11), name);
        assertEquals(List.of(), nifi.findings());
    }

    @Test
    @Order(4)
    void pictureComesThoughAKernelNeverEnds() throws IOException, InterruptedException {
        nifi.provoke("hangLaunchAfter", 30);
        final String name = gpu.sendHttp("a yellow square", SETTINGS + 12);
        awaitBulletin("came to no end", "is taken out");
        assertLike(cpu.sendHttp("a yellow square", SETTINGS + 12), name);
        assertEquals(List.of(), nifi.findings());
    }

    @Test
    @Order(5)
    void nothingIsFreedUnderAProcessorThatIsTerminatedInTheMiddleOfAStep() throws IOException, InterruptedException {
        gpu.sendHttp("a red star", "steps=1000&scale=1&width=32&height=32&seed=1");
        final Poll working = new Poll("denoising steps", LIMIT, gpu.group()::bulletinsText);
        working.until(() -> gpu.group().activeThreads(TextToImageFlow.DENOISE), threads -> threads > 0);
        gpu.group().switchProcessor(TextToImageFlow.DENOISE, "STOPPED");
        nifi.server().client().delete("/processors/" + gpu.group().processorId(TextToImageFlow.DENOISE) + "/threads");
        gpu.group().stop();
        gpu.group().disableServices();
        final Poll freed = new Poll("the device to be free", LIMIT, gpu.group()::bulletinsText);
        freed.until(nifi::open, List::isEmpty);
        assertEquals(List.of(), nifi.findings());

        gpu.group().emptyQueues();
        gpu.group().enableServices();
        gpu.group().start();
        assertLike(cpu.sendHttp("a green star", SETTINGS + 9), gpu.sendHttp("a green star", SETTINGS + 9));
    }

    @Test
    @Order(6)
    void flowFilesWaitForADeviceThatIsLostForGood() throws IOException, InterruptedException {
        nifi.provoke("loseDevices");
        gpu.sendFile("waits.txt", "a yellow triangle".getBytes(StandardCharsets.UTF_8));
        awaitBulletin("cannot be opened anew");
        assertLike(cpu.sendHttp("a red circle", SETTINGS + 7), cpu.sendHttp("a red circle", SETTINGS + 7), cpu);
        gpu.group().stop();
        assertEquals(List.of("waits.txt"), gpu.group().waitingAfter("Read prompts from a folder").stream()
                .map(waiting -> waiting.attributes().get("filename")).toList());
        gpu.group().disableServices();
        final Poll judged = new Poll("the service to say that it is not valid", LIMIT, gpu.group()::bulletinsText);
        judged.until(gpu.group()::invalidServices, invalid -> invalid.stream().anyMatch(service ->
                service.startsWith(GPU + ":") && service.contains("was lost and cannot be opened anew")));
        assertEquals(List.of(), nifi.findings());
    }

    /** Waits until bulletins say all of it. */
    private void awaitBulletin(final String... parts) throws IOException, InterruptedException {
        final Poll told = new Poll("bulletins with " + List.of(parts), LIMIT, gpu.group()::bulletinsText);
        told.until(gpu.group()::bulletins, bulletins -> List.of(parts).stream().allMatch(part ->
                bulletins.stream().anyMatch(bulletin -> bulletin.contains(part))));
    }

    private void assertLike(final String expected, final String actual) throws IOException, InterruptedException {
        assertLike(expected, actual, gpu);
    }

    private void assertLike(final String expected, final String actual, final TextToImageFlow flow)
            throws IOException, InterruptedException {
        final BufferedImage wanted = picture(cpu, expected);
        final BufferedImage made = picture(flow, actual);
        double squares = 0;
        int samples = 0;
        for (int y = 0; y < wanted.getHeight(); y++) {
            for (int x = 0; x < wanted.getWidth(); x++) {
                for (int shift = 0; shift <= 16; shift += 8) {
                    final int difference = (wanted.getRGB(x, y) >> shift & 0xff) - (made.getRGB(x, y) >> shift & 0xff);
                    squares += difference * difference;
                    samples++;
                }
            }
        }
        final double decibels = 10 * Math.log10(255 * 255 / (squares / samples));
        assertTrue(decibels >= DECIBELS, () -> decibels + " dB");
    }

    private static BufferedImage picture(final TextToImageFlow flow, final String name)
            throws IOException, InterruptedException {
        return ImageIO.read(new ByteArrayInputStream(flow.awaitPicture(name + ".png", LIMIT)));
    }

    /** The flow with a GPU in the CPU's place, and with pauses after a fault that fit a test. */
    private static Path onGpu(final Path template, final Path folder) throws IOException {
        final JsonNode flow = NiFiClient.JSON.readTree(template.toFile());
        flow.path("flowContents").path("controllerServices").forEach(service -> {
            if (service.path("type").asText().endsWith("CpuComputeDeviceService")) {
                ((ObjectNode) service).put("type", service.path("type").asText().replace("Cpu", "Cuda"))
                        .put("name", GPU);
                ((ObjectNode) service.path("properties")).put("Memory Budget", "4 GB")
                        .put("Step Timeout", STEP_TIMEOUT);
            }
        });
        flow.path("flowContents").path("processors").forEach(processor -> ((ObjectNode) processor)
                .put("penaltyDuration", "500 ms").put("yieldDuration", "500 ms"));
        final Path changed = folder.resolve("text-to-image-on-gpu.json");
        // A context of its own, for NiFi shares one of the same name between flows.
        return Files.writeString(changed, flow.toString().replace(CONTEXT, CONTEXT + " on the GPU"));
    }
}
