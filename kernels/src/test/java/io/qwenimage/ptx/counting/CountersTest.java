package io.qwenimage.ptx.counting;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.qwenimage.ptx.Snippet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What one warp's requests cost. */
class CountersTest {

    /** Every lane loads so many bytes, so many bytes from those of its neighbour, from so many bytes on. */
    @ParameterizedTest
    @CsvSource({
        "4, 4, 0, 4, 4",      // side by side: a cache line
        "4, 4, 4, 5, 4",      // the same off its alignment
        "4, 8, 0, 8, 4",      // every other word
        "4, 32, 0, 32, 4",    // a sector each
        "4, 0, 0, 1, 1",      // all the same word
        "1, 1, 0, 1, 1",
        "8, 8, 0, 8, 8",
        "16, 16, 0, 16, 16",
        "16, 32, 16, 32, 16",
    })
    void testSectorsOfAGlobalRequest(final int width, final int stride, final int start, final int sectors,
                                     final int ideal) {
        final LineCount count = load("global", "%scratch", "64", width, stride, start);
        assertEquals(1, count.requests());
        assertEquals(sectors, count.sectors());
        assertEquals(ideal, count.idealSectors());
        assertEquals(32L * width, count.bytes());
    }

    @ParameterizedTest
    @CsvSource({
        "4, 4, 1, 1",         // a bank each
        "4, 0, 1, 1",         // all the same word
        "4, 8, 2, 1",
        "4, 16, 4, 1",
        "4, 128, 32, 1",      // all in one bank
        "4, 132, 1, 1",       // padded by a word
        "2, 2, 1, 1",
        "8, 8, 2, 2",         // two halves of the warp
        "8, 16, 4, 2",
        "16, 16, 4, 4",       // four quarters
        "16, 128, 32, 4",
        "16, 144, 4, 4",      // padded by 16 bytes
    })
    void testWavefrontsOfASharedRequest(final int width, final int stride, final int wavefronts, final int ideal) {
        final LineCount count = load("shared", "shared", "32", width, stride, 0);
        assertEquals(1, count.requests());
        assertEquals(wavefronts, count.wavefronts());
        assertEquals(ideal, count.idealWavefronts());
        assertEquals(wavefronts - ideal, count.bankConflicts());
    }

    @Test
    void testLanesThatAreOffCountForNothing() {
        final Counters counters = Snippet.of("setp.lt.u32 %p0, %thread, 10; @%p0 fma.rn.f32 %r0, %a, %b, %c;\n"
            + "@%p0 ld.global.b32 %r1, [%scratch];").runClean().result().counters();
        assertEquals(1, counters.of(InstructionClass.FMA).warpInstructions());
        assertEquals(10, counters.of(InstructionClass.FMA).laneInstructions());
        assertEquals(10, counters.of(InstructionClass.FMA).multiplyAdds());
        final LineCount load = counters.sum(line -> line.text().contains("[%scratch]"));
        assertEquals(40, load.bytes());
        assertEquals(1, load.sectors());
    }

    @Test
    void testLoopsAndLinesAddUp() {
        final Counters counters =
            Snippet.of("mov.u32 %r0, 0;\nL: add.u32 %r0, %r0, 1;\nsetp.lt.u32 %p0, %r0, 5;\n@%p0 bra L;")
            .threads(64).runClean().result().counters();
        final LineCount add = counters.sum(line -> line.text().contains("add.u32 %r0"));
        assertEquals(10, add.warpInstructions());
        assertEquals(320, add.laneInstructions());
        assertEquals(10, counters.of(InstructionClass.BRANCH).warpInstructions()
            - counters.sum(line -> line.text().contains("ret")).warpInstructions());
        final int line = counters.lines().stream().filter(each -> each.text().contains("add.u32 %r0")).findFirst()
            .orElseThrow().line();
        assertEquals(20, counters.between(line, line + 1).warpInstructions());
        assertEquals(counters.lines().stream().mapToLong(LineCount::laneInstructions).sum(),
            counters.total().laneInstructions());
    }

    private static LineCount load(final String space, final String base, final String bits, final int width,
                                  final int stride, final int start) {
        final String registers = switch (width) {
            case 1 -> "b8 %h0";
            case 2 -> "b16 %h0";
            case 4 -> "b32 %r0";
            case 8 -> "b64 %l0";
            default -> "v4.b32 {%r0, %r1, %r2, %r3}";
        };
        final String address = bits.equals("64") ? "mov.b64 %l1, " + base + "; mul.wide.u32 %l2, %thread, " + stride
            + "; add.u64 %l1, %l1, %l2;" : "mov.b32 %r4, " + base + "; mad.lo.u32 %r4, %thread, " + stride + ", %r4;";
        final String place = bits.equals("64") ? "%l1" : "%r4";
        return Snippet.of(address + "\nld." + space + "." + registers + ", [" + place + "+" + start + "];").run()
            .result().counters().sum(line -> line.text().contains("[" + place + "+" + start + "]"));
    }
}
