package io.qwenimage.backend;

import static java.util.Map.entry;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.tensor.DType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** No class of tests computes on the CPU alone silently: it runs on CUDA too, or stands here with the reason. */
class BackendInventoryTest {
    private static final Path TESTS = Path.of("src/test/java/io/qwenimage");
    private static final Pattern ON_CPU = Pattern.compile(
            "\\bCpuBackend\\.open|new CpuComputeDeviceService\\(|\\bBackends(\\.|::|#)[a-z]");
    /** Lists of backends that have CUDA in both precisions; the first of a list is one on the CPU. */
    private static final Pattern ON_CUDA = Pattern.compile(
            "\\bBackends(\\.|::|#)(all|shipped|cuda)\\b(?!\\(\\)\\.getFirst)"
                    + "|\\bCudaCases\\.backends\\b|\\bCudaBackends\\.open");

    private static final Map<String, String> ON_THE_CPU_ALONE = new TreeMap<>(Map.ofEntries(
            entry("MachineCodeTest", "machine code of this CPU"),
            entry("CpuComputeDeviceServiceTest", "the CPU's own service; CudaComputeDeviceServiceTest is the other's"),
            entry("ComponentStoreTest", "who shares what is loaded, whatever computes"),
            entry("SharedModelTest", "leases, whatever computes"),
            entry("PipelineLibraryTest", "leases, whatever computes"),
            entry("StandardQwenImageModelServiceTest", "leases and verification, whatever computes"),
            entry("StandardQwenVisionLanguageModelServiceTest", "leases and verification, whatever computes"),
            entry("EditInputTest", "what is refused before anything is computed"),
            entry("ImageEditTest", "the processors' line, a picture at a megapixel; CudaEditTest has its stages"),
            entry("StepModulationsTest", "how often weights are read; CudaStepTest has the numbers"),
            entry("TextToImageTest", "the processors' line; CudaIT runs it on CUDA in a real NiFi")));

    @Test
    void everyClassThatComputesRunsOnCudaOrIsNamedHere() {
        final Set<String> cpu = new TreeSet<>();
        final Set<String> both = new TreeSet<>();
        for (final Path file : testClasses()) {
            final String source = read(file);
            final boolean onCuda = ON_CUDA.matcher(source).find();
            if (onCuda || ON_CPU.matcher(source).find()) {
                (onCuda ? both : cpu).add(file.getFileName().toString().replace(".java", ""));
            }
        }
        System.out.println("on CUDA too\n  " + String.join("\n  ", both) + "\non the CPU alone\n  "
                + ON_THE_CPU_ALONE.entrySet().stream().map(alone -> alone.getKey() + ": " + alone.getValue())
                        .collect(Collectors.joining("\n  ")));
        assertEquals(ON_THE_CPU_ALONE.keySet(), cpu, "classes that compute on the CPU alone");
        assertTrue(both.containsAll(List.of("LinearTest", "BlockGoldenTest", "GoldenCaseTest")), both.toString());
    }

    @Test
    void everyListOfBackendsHasCudaInBothPrecisions() {
        for (final List<Backends.Named> list : List.of(Backends.all(), Backends.shipped(), Backends.cuda())) {
            assertEquals(List.of(DType.F32, DType.BF16), list.stream().filter(named -> named.name().startsWith("cuda"))
                    .map(Backends.Named::activations).toList());
        }
    }

    private static List<Path> testClasses() {
        try (Stream<Path> files = Files.walk(TESTS)) {
            return files.filter(file -> file.getFileName().toString().endsWith("Test.java")
                    && !file.getFileName().toString().equals("BackendInventoryTest.java")).sorted().toList();
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String read(final Path file) {
        try {
            return Files.readString(file);
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
