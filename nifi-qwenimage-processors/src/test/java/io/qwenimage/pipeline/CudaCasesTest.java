package io.qwenimage.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** No case is left out on CUDA silently: each is run there, or one of its kind is. */
class CudaCasesTest {
    private static final List<String> FOLDERS = List.of("goldens", "goldens-vision/chat", "goldens-vision/edit");

    @Test
    void everyKindOfCaseIsRepresentedOnCuda() throws IOException {
        final Map<String, List<Path>> kinds = cases().stream()
                .collect(Collectors.groupingBy(CudaCases::kindOf, TreeMap::new, Collectors.toList()));
        final List<String> lines = new ArrayList<>();
        kinds.forEach((kind, folders) -> {
            final String small = folders.stream().filter(CudaCases::isSmall).map(CudaCasesTest::name)
                    .collect(Collectors.joining(", "));
            final Class<?> held = CudaCases.HELD_AGAINST_THE_CPU.get(kind);
            assertTrue(!small.isEmpty() || held != null, "no case of the kind \"" + kind + "\" runs on CUDA; its cases "
                    + "are " + folders);
            lines.add(kind + ": " + (small.isEmpty() ? held.getSimpleName() : small) + " for "
                    + folders.stream().map(CudaCasesTest::name).toList());
        });
        System.out.println("on CUDA\n  " + String.join("\n  ", lines));
    }

    @Test
    void whatIsHeldAgainstTheCpuIsAKindThatExists() throws IOException {
        final List<String> kinds = cases().stream().map(CudaCases::kindOf).toList();
        assertEquals(List.of(), CudaCases.HELD_AGAINST_THE_CPU.keySet().stream().filter(kind -> !kinds.contains(kind))
                .toList());
    }

    private static List<Path> cases() throws IOException {
        final List<Path> cases = new ArrayList<>();
        for (final String folder : FOLDERS) {
            try (Stream<Path> entries = Files.list(Path.of("src/test/resources").resolve(folder))) {
                entries.filter(entry -> Files.exists(entry.resolve("case.json"))).sorted().forEach(cases::add);
            }
        }
        return cases;
    }

    private static String name(final Path folder) {
        return folder.getFileName().toString();
    }
}
