package io.qwenimage.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
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

    @Test
    void argumentsSurviveAMissingLocale() throws IOException, InterruptedException {
        assumeTrue(Files.isReadable(Path.of("/proc/self/cmdline")), "this system does not keep the bytes of arguments");
        final String java = new File(System.getProperty("java.home"), "bin/java").getPath();
        // The shell makes the bytes, so that this test itself needs no locale.
        final ProcessBuilder builder = new ProcessBuilder("sh", "-c",
                "exec \"$0\" -cp \"$1\" io.qwenimage.cli.Main \"$(printf 'a \\351\\207\\214')\"", java, classPath());
        builder.environment().put("LC_ALL", "C");

        assertTrue(run(builder).startsWith("2 Unmatched argument at index 0: 'a \u91cc'"), run(builder));
    }

    /** Exit status and what was written. */
    private static String run(final File java, final String... arguments) throws IOException, InterruptedException {
        final List<String> command = new ArrayList<>(List.of(java.getPath(), "-cp", classPath(),
                "io.qwenimage.cli.Main"));
        command.addAll(List.of(arguments));
        return run(new ProcessBuilder(command));
    }

    private static String run(final ProcessBuilder builder) throws IOException, InterruptedException {
        builder.environment().put("QWENIMAGE_JAVA_HOME", System.getProperty("java.home"));
        final Process process = builder.redirectErrorStream(true).start();
        process.getOutputStream().close();
        final String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        return process.waitFor() + " " + output;
    }

    private static String classPath() {
        return System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    }
}
