package io.qwenimage.ptx.cases;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.ptx.LaunchOptions;
import java.io.File;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Holds the machine against kernels whose answers are known from outside. More case folders, or folders of case
 * folders, are named by the system property {@value #CASES}, separated as paths are.
 */
class CaseFolderTest {
    private static final String CASES = "qwenimage.ptx.cases";
    private static final long[] SEEDS = {1, 2};

    @TestFactory
    Stream<DynamicTest> testCases() throws IOException, URISyntaxException {
        final List<Path> folders = new ArrayList<>(
            CaseFolder.in(Path.of(CaseFolderTest.class.getResource("/ptx-cases").toURI())));
        for (final String named : System.getProperty(CASES, "").split(File.pathSeparator)) {
            if (!named.isBlank()) {
                final List<Path> found = CaseFolder.in(Path.of(named));
                assertFalse(found.isEmpty(), "no case.json in or below " + named);
                folders.addAll(found);
            }
        }
        return folders.stream().map(
            folder -> DynamicTest.dynamicTest(folder.getFileName().toString(), () -> hold(folder)));
    }

    private static void hold(final Path folder) {
        final CaseFolder given = CaseFolder.read(folder);
        for (final long seed : SEEDS) {
            final CaseRun run = CaseRun.of(given, LaunchOptions.standard().withSeed(seed));
            assertTrue(run.holds(), () -> "seed " + seed + ": " + String.join("\n", run.problems()));
        }
    }
}
