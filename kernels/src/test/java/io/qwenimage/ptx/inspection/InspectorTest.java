package io.qwenimage.ptx.inspection;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.ptx.Snippet;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Faults put into a few instructions are found and named; the same instructions without the fault are clean. */
class InspectorTest {
    private static final String OWN_WORD = "mov.u32 %r0, shared; shl.b32 %r1, %thread, 2; add.u32 %r2, %r0, %r1;";
    private static final String NEXT_WORD = "add.u32 %r3, %thread, 1; rem.u32 %r3, %r3, %ntid.x; shl.b32 %r3, %r3, 2;"
        + "add.u32 %r3, %r0, %r3;";
    private static final String WORD_OF_NEXT_WARP = "add.u32 %r3, %thread, 32; rem.u32 %r3, %r3, %ntid.x;"
        + "shl.b32 %r3, %r3, 2; add.u32 %r3, %r0, %r3;";

    static Stream<Given> faults() {
        return Stream.of(
            given(FindingKind.OUT_OF_BOUNDS, 32, "ld.global.b32 %d, [%scratch+4096];"),
            given(FindingKind.OUT_OF_BOUNDS, 32, "st.global.b32 [%scratch+-4], %a;"),
            given(FindingKind.OUT_OF_BOUNDS, 32, "st.shared.b32 [shared+4096], %a;"),
            given(FindingKind.OUT_OF_BOUNDS, 32, "mov.b64 %l0, 0; ld.global.b32 %d, [%l0];"),
            given(FindingKind.OUT_OF_BOUNDS, 32, "atom.global.add.u32 %d, [%scratch+4096], 1;"),
            given(FindingKind.MISALIGNED, 32, "ld.global.b32 %d, [%scratch+2];"),
            given(FindingKind.MISALIGNED, 32, "ld.global.v4.b32 {%d, %r1, %r2, %r3}, [%scratch+8];"),
            given(FindingKind.MISALIGNED, 32, "st.shared.v2.b32 [shared+4], {%a, %b};"),
            given(FindingKind.READ_ONLY, 32, "mov.b64 %l0, inputs; cvta.param.u64 %l0, %l0; st.b32 [%l0], %a;"),
            given(FindingKind.UNINITIALISED_MEMORY, 32, "ld.shared.b32 %d, [shared];"),
            given(FindingKind.UNINITIALISED_MEMORY, 1, "st.shared.b8 [shared], %a; st.shared.b8 [shared+1], %a;"
                + "st.shared.b8 [shared+3], %a; ld.shared.b32 %d, [shared];"),
            given(FindingKind.UNINITIALISED_MEMORY, 32, ".local .b32 own; ld.local.b32 %d, [own];"),
            given(FindingKind.UNINITIALISED_REGISTER, 32, "add.u32 %d, %a, %r7;"),
            given(FindingKind.UNINITIALISED_REGISTER, 32,
                "setp.lt.u32 %p0, %thread, 16; @%p0 mov.u32 %r7, 1; st.global.b32 [%scratch], %r7;"),
            given(FindingKind.UNINITIALISED_REGISTER, 32, "@%p3 bra L; L: mov.u32 %d, 1;"),
            given(FindingKind.RACE, 64, OWN_WORD + WORD_OF_NEXT_WARP
                + "st.shared.b32 [%r2], %thread; ld.shared.b32 %d, [%r3];"),
            given(FindingKind.RACE, 32, OWN_WORD + NEXT_WORD
                + "st.shared.b32 [%r2], %thread; ld.shared.b32 %d, [%r3];"),
            given(FindingKind.RACE, 64, "mov.u32 %r0, shared; shr.u32 %r1, %thread, 5; st.shared.b32 [%r0], %r1;"),
            given(FindingKind.RACE, 32, "st.shared.b32 [shared], %thread;"),
            given(FindingKind.RACE, 64, OWN_WORD + WORD_OF_NEXT_WARP + "st.shared.b32 [%r2], %thread; bar.sync 0;"
                + "ld.shared.b32 %d, [%r3]; st.shared.b32 [%r2], %d;"),
            given(FindingKind.RACE, 64, "mov.u32 %r0, 1; st.shared.b32 [shared], %r0; bar.sync 0;"
                + "atom.shared.add.u32 %r1, [shared], 1; ld.shared.b32 %d, [shared];"),
            given(FindingKind.ASYNC_COPY_IN_FLIGHT, 1,
                "mov.u32 %r0, shared; cp.async.ca.shared.global [%r0], [%scratch], 4;"
                + "cp.async.commit_group; cp.async.wait_group 1; ld.shared.b32 %d, [%r0];"),
            given(FindingKind.RACE, 32, OWN_WORD + NEXT_WORD + "cp.async.ca.shared.global [%r2], [%scratch], 4;"
                + "cp.async.commit_group; bar.sync 0; cp.async.wait_group 0; ld.shared.b32 %d, [%r3];"),
            given(FindingKind.DIVERGED, 32, "setp.lt.u32 %p0, %thread, 16; @%p0 bar.sync 0;"),
            given(FindingKind.DIVERGED, 32, "setp.lt.u32 %p0, %thread, 16; @%p0 bra L; bar.sync 0; L: mov.u32 %d, 1;"),
            given(FindingKind.LANE_MASK, 32, "setp.lt.u32 %p0, %thread, 16;"
                + "@%p0 shfl.sync.bfly.b32 %d, %a, 1, 31, 0xffffffff;"),
            given(FindingKind.LANE_MASK, 32,
                "setp.ge.u32 %p0, %thread, 16; @%p0 exit; vote.sync.all.pred %p1, %p0, -1;"),
            given(FindingKind.LANE_MASK, 32, "shfl.sync.idx.b32 %d, %a, 0, 31, 0xfffffffe;"),
            given(FindingKind.LANE_MASK, 16, "shfl.sync.idx.b32 %d, %a, 20, 31, 0xffffffff;"),
            given(FindingKind.BARRIER, 64, "setp.lt.u32 %p0, %thread, 32; @%p0 bar.sync 0; mov.u32 %d, 1;"),
            given(FindingKind.BARRIER, 64, "bar.sync 1, 48;"),
            given(FindingKind.BARRIER, 64, "bar.sync 16;"),
            given(FindingKind.DEADLOCK, 64, "setp.lt.u32 %p0, %thread, 32; @%p0 bar.sync 1, 64; @!%p0 bar.sync 2, 64;"),
            given(FindingKind.DEADLOCK, 32, "bar.sync 1, 64;"),
            given(FindingKind.TRAP, 32, "trap;"));
    }

    @ParameterizedTest
    @MethodSource("faults")
    void testFaultIsFound(final Given given) {
        for (long seed = 1; seed <= 3; seed++) {
            final Snippet snippet = given.snippet(seed).run();
            final List<Finding> findings = snippet.result().findings();
            assertTrue(snippet.kinds().contains(given.fault()), () -> given.fault() + " expected, found " + findings);
            assertEquals("snippet", findings.get(0).kernel());
            assertTrue(findings.get(0).line() > 1 && !findings.get(0).instruction().isEmpty(), findings.toString());
        }
    }

    static Stream<Given> clean() {
        return Stream.of(
            given(null, 64,
                OWN_WORD + WORD_OF_NEXT_WARP + "st.shared.b32 [%r2], %thread; bar.sync 0; ld.shared.b32 %d, [%r3];"
                + "bar.sync 0; st.shared.b32 [%r2], %d;"),
            given(null, 32,
                OWN_WORD + NEXT_WORD + "st.shared.b32 [%r2], %thread; bar.warp.sync -1; ld.shared.b32 %d, [%r3];"),
            given(null, 128, OWN_WORD + "st.shared.b32 [%r2], %thread; shr.u32 %r4, %thread, 6; add.u32 %r4, %r4, 1;"
                + "bar.sync %r4, 64; xor.b32 %r5, %thread, 32; shl.b32 %r5, %r5, 2; add.u32 %r5, %r0, %r5;"
                + "ld.shared.b32 %d, [%r5];"),
            given(null, 64,
                OWN_WORD + "setp.lt.u32 %p0, %thread, 32; @%p0 bra PRODUCE; bar.sync 1, 64; sub.u32 %r5, %r2, 128;"
                + "ld.shared.b32 %d, [%r5]; bra END; PRODUCE: st.shared.b32 [%r2], %thread; bar.arrive 1, 64; END:"),
            given(null, 64, "mov.u32 %r0, 7; st.shared.b32 [shared], %r0; ld.shared.b32 %d, [shared];"),
            given(null, 64, "setp.eq.u32 %p0, %thread, 0; @%p0 st.shared.b32 [shared], %thread; bar.sync 0;"
                + "red.shared.add.u32 [shared], 1; bar.sync 0; ld.shared.b32 %d, [shared];"),
            given(null, 64,
                "mov.u32 %r0, 0; setp.eq.u32 %p0, %thread, 0; @%p0 st.shared.b32 [shared+8], %r0; bar.sync 0;"
                + "setp.ne.u32 %p1, %thread, 0; setp.ne.u32 %p2, %thread, 32; @%p0 st.shared.b32 [shared], %a;"
                + "@%p0 fence.acq_rel.cta; @%p0 st.relaxed.cta.shared.b32 [shared+8], 1; @%p2 bra END;"
                + "SPIN: ld.acquire.cta.shared.b32 %r1, [shared+8]; setp.eq.u32 %p3, %r1, 0; @%p3 bra SPIN;"
                + "ld.shared.b32 %d, [shared]; END:"),
            given(null, 1, "mov.u32 %r0, shared; cp.async.ca.shared.global [%r0], [%scratch], 4, 0; cp.async.wait_all;"
                + "ld.shared.b32 %d, [%r0];"),
            given(null, 48, "shfl.sync.down.b32 %d, %a, 1, 15, 0xffffffff;"),
            given(null, 64, "setp.ge.u32 %p0, %thread, 48; @%p0 bra END; bar.sync 0; bra GO; END: exit; GO:"),
            given(null, 96, "setp.ge.u32 %p0, %thread, 64; @%p0 exit; bar.sync 0;"),
            given(null, 32,
                "setp.lt.u32 %p0, %thread, 7; @%p0 bra A; mov.u32 %d, 1; bra B; A: mov.u32 %d, 2; B: bar.sync 0;"),
            given(null, 32,
                "mov.u32 %r0, %thread; L: sub.u32 %r0, %r0, 1; setp.gt.s32 %p0, %r0, 0; @%p0 bra L; bar.sync 0;"),
            given(null, 1, "st.shared.b8 [shared], %a; st.shared.b8 [shared+1], %a; st.shared.b8 [shared+2], %a;"
                + "st.shared.b8 [shared+3], %a; ld.shared.b32 %d, [shared];"));
    }

    @ParameterizedTest
    @MethodSource("clean")
    void testSoundCodeIsClean(final Given given) {
        for (long seed = 1; seed <= 5; seed++) {
            given.snippet(seed).runClean();
        }
    }

    @Test
    void testFindingNamesTheThread() {
        final Snippet snippet = Snippet.of("setp.eq.u32 %p0, %thread, 37; @%p0 st.global.b8 [%scratch+4099], %a;")
            .threads(64).run();
        final Finding finding = snippet.result().findings().get(0);
        assertEquals("(37, 0, 0)", finding.thread());
        assertEquals("(0, 0, 0)", finding.block());
        assertTrue(finding.toString().contains("byte 4099 of scratch, which has 4096 bytes"), finding.toString());
        assertEquals(List.of(FindingKind.OUT_OF_BOUNDS), snippet.kinds());
    }

    private static Given given(final FindingKind fault, final int threads, final String instructions) {
        return new Given(fault, threads, instructions);
    }

    /**
     * Instructions for a block.
     *
     * @param fault what is wrong with them; null when nothing is
     */
    private record Given(FindingKind fault, int threads, String instructions) {
        Snippet snippet(final long seed) {
            return Snippet.of(instructions).threads(threads).seed(seed);
        }
    }
}
