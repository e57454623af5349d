package io.qwenimage.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OutputFileTest {
    @TempDir
    private Path folder;

    @Test
    void theFileAppearsWholeAndReplacesTheOldOne() throws IOException {
        final Path file = Files.writeString(folder.resolve("a.txt"), "old");
        try (OutputFile output = OutputFile.claim("--output", file)) {
            assertEquals("old", Files.readString(file));
            output.write(out -> out.write("new".getBytes()));
        }
        assertEquals("new", Files.readString(file));
        assertEquals(List.of(file), entries());
    }

    @Test
    void aFullDiskLeavesNothingBehindAndIsNamed() throws IOException {
        final Path file = folder.resolve("a.txt");
        try (OutputFile output = OutputFile.claim("--output", file)) {
            final CommandException failure = assertThrows(CommandException.class, () -> output.write(out -> {
                out.write(new byte[1 << 20]);
                throw new IOException("No space left on device");
            }));
            assertTrue(failure.getMessage().contains(file.toString()), failure.getMessage());
            assertTrue(failure.getMessage().contains("No space left on device"), failure.getMessage());
        }
        assertEquals(List.of(), entries());
    }

    @Test
    void whatIsClaimedAndNotWrittenIsRemoved() throws IOException {
        OutputFile.claim("--output", folder.resolve("a.txt")).close();

        assertEquals(List.of(), entries());
    }

    private List<Path> entries() throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.toList();
        }
    }
}
