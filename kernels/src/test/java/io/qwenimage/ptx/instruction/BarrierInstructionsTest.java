package io.qwenimage.ptx.instruction;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.ptx.Snippet;
import io.qwenimage.ptx.inspection.FindingKind;
import java.util.List;
import java.util.function.IntUnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Barriers of a block in every spelling, with 128 threads. */
class BarrierInstructionsTest {
    private static final int THREADS = 128;

    /** Every thread writes its number, waits, and reads that of the thread 64 further on. */
    @ParameterizedTest
    @ValueSource(strings = {"bar.sync 0;", "bar.sync 3, 128;", "bar.cta.sync 0;", "barrier.sync 0;",
        "barrier.sync 1, 128;", "barrier.sync.aligned 15;", "barrier.cta.sync 2;", "barrier.cta.sync.aligned 2, 128;",
        "mov.u32 %r9, 5; bar.sync %r9;",
        "mov.u32 %r9, 128; bar.sync 4, %r9;", "setp.ne.u32 %p1, %r0, 0; bar.red.popc.u32 %r8, 0, %p1;"})
    void testWritesAreSeenBehindIt(final String barrier) {
        final Snippet snippet =
            Snippet.of("mov.u32 %r0, shared; mad.lo.u32 %r1, %thread, 4, %r0; st.shared.b32 [%r1], %thread;\n"
            + barrier + "\nadd.u32 %r2, %thread, 64; and.b32 %r2, %r2, 127; mad.lo.u32 %r2, %r2, 4, %r0;"
            + "ld.shared.b32 %d, [%r2];").threads(THREADS).runClean();
        for (int thread = 0; thread < THREADS; thread++) {
            assertEquals((thread + 64) % THREADS, snippet.d(thread), barrier);
        }
    }

    static Stream<Arguments> reductions() {
        return Stream.of(
            reduction("bar.red.popc.u32 %d, 0, %p0;", 50, count -> count),
            reduction("barrier.red.popc.aligned.u32 %d, 1, 128, %p0;", 7, count -> count),
            reduction("barrier.cta.red.popc.u32 %d, 0, !%p0;", 50, count -> THREADS - count),
            reduction("bar.red.and.pred %p1, 0, %p0; selp.b32 %d, 1, 0, %p1;", 127, count -> 0),
            reduction("bar.red.and.pred %p1, 2, 128, %p0; selp.b32 %d, 1, 0, %p1;", 128, count -> 1),
            reduction("barrier.red.or.pred %p1, 0, %p0; selp.b32 %d, 1, 0, %p1;", 1, count -> 1),
            reduction("bar.red.or.pred %p1, 0, %p0; selp.b32 %d, 1, 0, %p1;", 0, count -> 0),
            reduction("bar.red.or.pred %p1, 0, !%p0; selp.b32 %d, 1, 0, %p1;", 128, count -> 0));
    }

    /** The first threads say yes. */
    @ParameterizedTest
    @MethodSource("reductions")
    void testEverybodyHasTheSameResult(final String barrier, final int yes, final IntUnaryOperator expected) {
        final Snippet snippet = Snippet.of("setp.lt.u32 %p0, %thread, " + yes + ";\n" + barrier).threads(THREADS)
            .runClean();
        for (int thread = 0; thread < THREADS; thread++) {
            assertEquals(expected.applyAsInt(yes), snippet.d(thread), barrier);
        }
    }

    /** One half produces and only arrives, the other half waits and consumes: a barrier for 128 threads. */
    @ParameterizedTest
    @ValueSource(strings = {"bar.arrive 1, 128;", "barrier.arrive 1, 128;", "barrier.cta.arrive.aligned 1, 128;"})
    void testProducersDoNotWait(final String arrival) {
        for (long seed = 1; seed <= 4; seed++) {
            final Snippet snippet = Snippet.of("""
                mov.u32 %r0, shared; mad.lo.u32 %r1, %thread, 4, %r0;
                setp.lt.u32 %p0, %thread, 64;
                @%p0 bra produces;
                bar.sync 1, 128;
                ld.shared.b32 %d, [%r1+-256];
                bra done;
                produces: st.shared.b32 [%r1], %thread;
                """ + arrival + "\ndone:").threads(THREADS).seed(seed).runClean();
            for (int thread = 64; thread < THREADS; thread++) {
                assertEquals(thread - 64, snippet.d(thread));
            }
        }
    }

    @Test
    void testPartsOfABlockHaveBarriersOfTheirOwn() {
        final Snippet snippet = Snippet.of("""
            shr.u32 %r3, %thread, 6; add.u32 %r3, %r3, 1;
            mov.u32 %r0, shared; mad.lo.u32 %r1, %thread, 4, %r0; st.shared.b32 [%r1], %thread;
            bar.sync %r3, 64;
            xor.b32 %r2, %thread, 32; mad.lo.u32 %r2, %r2, 4, %r0; ld.shared.b32 %d, [%r2];
            """).threads(THREADS).runClean();
        for (int thread = 0; thread < THREADS; thread++) {
            assertEquals(thread ^ 32, snippet.d(thread));
        }
    }

    /** Half of a warp waits at one place and half at another: what .aligned forbids and the plain form allows. */
    @Test
    void testDivergedWarp() {
        final String text = """
            and.b32 %%r0, %%thread, 1; setp.eq.u32 %%p0, %%r0, 0;
            @%%p0 bra even;
            %1$s
            bra done;
            even: %1$s
            done: mov.u32 %%d, %%thread;
            """;
        final Snippet plain = Snippet.of(text.formatted("barrier.sync 0;")).threads(THREADS).runClean();
        assertEquals(77, plain.d(77));
        final Snippet aligned = Snippet.of(text.formatted("bar.sync 0;")).threads(THREADS).run();
        assertTrue(aligned.kinds().contains(FindingKind.DIVERGED), aligned.kinds().toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"bar.sync 0, 100;", "mov.u32 %r0, 16; bar.sync %r0;"})
    void testNumbersThatNoBarrierHas(final String barrier) {
        final Snippet snippet = Snippet.of(barrier).threads(THREADS).run();
        assertEquals(List.of(FindingKind.BARRIER), snippet.kinds().subList(0, 1), barrier);
    }

    @Test
    void testMissingThreadsAreADeadlock() {
        final Snippet snippet = Snippet.of("setp.lt.u32 %p0, %thread, 64; @%p0 bra.uni out; bar.sync 1, 128; out:")
            .threads(THREADS).run();
        assertTrue(snippet.kinds().contains(FindingKind.DEADLOCK), snippet.kinds().toString());
    }

    private static Arguments reduction(final String barrier, final int yes, final IntUnaryOperator expected) {
        return Arguments.of(barrier, yes, expected);
    }
}
