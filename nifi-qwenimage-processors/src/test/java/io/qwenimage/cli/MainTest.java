package io.qwenimage.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Starts the program in processes of its own. */
class MainTest {
    @Test
    void exitStatusAndStreamsArePassedOn() throws IOException, InterruptedException {
        final File java = new File(System.getProperty("java.home"), "bin/java");

        assertEquals("0 nifi-qwenimage", run(java, "--version"));
        assertTrue(run(java, "paint").startsWith("2 Unmatched argument"));
    }

    @Test
    void anOlderJavaFindsThisOne() throws IOException, InterruptedException {
        final List<File> older = JavaHomes.usualFolders().stream()
                .flatMap(folder -> Stream.ofNullable(folder.listFiles((parent, name) -> name.contains("17"))))
                .flatMap(Arrays::stream).map(home -> new File(home, "bin/java")).filter(File::canExecute).toList();
        assumeTrue(!older.isEmpty(), "no Java 17 in the usual folders of this machine");

        assertEquals("0 nifi-qwenimage", run(older.getFirst(), "--version"));
        assertTrue(run(older.getFirst(), "generate", "--prompt", "two words", "--output", "kite.gif")
                .startsWith("2 --output: file name kite.gif"));
    }

    /** Exit status and what was written. */
    private static String run(final File java, final String... arguments) throws IOException, InterruptedException {
        final List<String> command = new ArrayList<>(List.of(java.getPath(), "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                "io.qwenimage.cli.Main"));
        command.addAll(List.of(arguments));
        final ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put("QWENIMAGE_JAVA_HOME", System.getProperty("java.home"));
        final Process process = builder.start();
        process.getOutputStream().close();
        final String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        return process.waitFor() + " " + output;
    }
}
