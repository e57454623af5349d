package io.qwenimage.ptx.cases;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PtxMachineLauncherTest {
    /** The number of Java 17's class files. */
    private static final int JAVA_17 = 61;

    @TempDir
    private Path folder;

    @BeforeEach
    void setUp() throws IOException {
        java("a-11", "11.0.2");
        java("b-25", "25.0.3");
        java("c-21", "21.0.1");
        java("d-8", "1.8.0_402");
        Files.createDirectories(folder.resolve("empty"));
    }

    @Test
    void testNewestOfTheInstalled() {
        assertEquals(Optional.of(program("b-25")), find(Map.of()));
        assertEquals(Optional.empty(),
            PtxMachineLauncher.find(Map.of(), List.of(folder.resolve("nowhere").toFile())));
    }

    @Test
    void testVariableComesFirstWhereItsJavaIsNewEnough() {
        assertEquals(Optional.of(program("c-21")), find(Map.of("JAVA_HOME", home("c-21"))));
        assertEquals(Optional.of(program("c-21")), find(Map.of("JAVA_HOME", home("d-8"), "JDK_HOME", home("c-21"))));
        assertEquals(Optional.of(program("b-25")), find(Map.of("JAVA_HOME", home("a-11"))));
    }

    @Test
    void testItRunsOnAnOlderJava() throws IOException {
        final byte[] content = PtxMachineLauncher.class.getResourceAsStream("PtxMachineLauncher.class").readAllBytes();
        assertEquals(JAVA_17, content[7]);
    }

    private Optional<File> find(final Map<String, String> environment) {
        return PtxMachineLauncher.find(environment, List.of(folder.toFile()));
    }

    private void java(final String name, final String version) throws IOException {
        final Path program = program(name).toPath();
        Files.createDirectories(program.getParent());
        Files.createFile(program);
        program.toFile().setExecutable(true);
        Files.writeString(folder.resolve(name).resolve("release"), "JAVA_VERSION=\"" + version + "\"\n");
    }

    private String home(final String name) {
        return folder.resolve(name).toString();
    }

    private File program(final String name) {
        return folder.resolve(name).resolve("bin/java").toFile();
    }
}
