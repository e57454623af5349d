package io.qwenimage.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MemorySizeTest {
    @ParameterizedTest
    @CsvSource({"1, 1", "512b, 512", "2K, 2048", "3kb, 3072", "1.5MB, 1572864", "20 GB, 21474836480",
        "20GiB, 21474836480", "1TB, 1099511627776"})
    void sizesAsPeopleWriteThem(final String value, final long bytes) {
        assertEquals(bytes, MemorySize.parse("--memory-budget", value));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "much", "-1GB", "0", "10 QB", "50%"})
    void whatIsNoSize(final String value) {
        assertEquals("--memory-budget is " + value + "; accepted is a size such as 20GB or 800MB",
                assertThrows(CommandException.class, () -> MemorySize.parse("--memory-budget", value)).getMessage());
    }
}
