package io.qwenimage.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JavaHomesTest {
    @TempDir
    private Path folder;

    @Test
    void theNewestOfTheUsualFoldersIsTaken() throws IOException {
        install("jdk-17", "17.0.15");
        install("jdk-21", "21.0.2");
        final File newest = install("bundle/Contents/Home", "25.0.1");
        install("jdk-8", "1.8.0_412");

        assertEquals(Optional.of(newest), find(Map.of()));
    }

    @Test
    void environmentVariablesComeFirstIfTheyAreNewEnough() throws IOException {
        install("jdk-25", "25");
        final File own = install("mine/jdk", "21.0.2");
        final File old = install("old/jdk", "17.0.15");

        assertEquals(Optional.of(own), find(Map.of("QWENIMAGE_JAVA_HOME", home(own), "JAVA_HOME", home(old))));
        assertEquals(Optional.of(own), find(Map.of("QWENIMAGE_JAVA_HOME", home(old), "JAVA_HOME", home(own))));
    }

    @Test
    void oldAndBrokenInstallationsDoNotCount() throws IOException {
        install("jdk-17", "17.0.15");
        Files.delete(install("half", "25.0.1").toPath());
        Files.createDirectories(folder.resolve("empty"));
        install("odd", "what?");

        assertEquals(Optional.empty(), find(Map.of("JAVA_HOME", folder.resolve("nowhere").toString())));
    }

    private Optional<File> find(final Map<String, String> environment) {
        return JavaHomes.find(environment, List.of(folder.toFile(), folder.resolve("missing").toFile()));
    }

    private File install(final String name, final String version) throws IOException {
        final Path home = Files.createDirectories(folder.resolve(name));
        Files.writeString(home.resolve("release"), "IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"" + version + "\"\n");
        final File java = Files.createFile(Files.createDirectory(home.resolve("bin")).resolve("java")).toFile();
        assertEquals(true, java.setExecutable(true));
        return java;
    }

    private static String home(final File java) {
        return java.getParentFile().getParent();
    }
}
