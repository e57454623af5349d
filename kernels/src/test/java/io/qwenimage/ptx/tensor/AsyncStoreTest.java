package io.qwenimage.ptx.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.ptx.Snippet;
import io.qwenimage.ptx.inspection.FindingKind;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What threads start and an mbarrier is told of. Bytes 0 to 1023 of shared memory are data, the barrier lies behind.
 */
class AsyncStoreTest {
    private static final String BEGIN = """
        mov.u32 %%r0, shared;
        add.u32 %%r1, %%r0, 2048;
        setp.ne.u32 %%p0, %%thread, 0;
        @%%p0 bra ready;
        mbarrier.init.shared::cta.b64 [%%r1], %d;
        st.shared.b32 [%%r0+1024], 0;
        ready: bar.sync 0;
        """;
    private static final String WAIT = """
        waits: mbarrier.try_wait.parity.shared::cta.b64 %p1, [%r1], 0;
        @!%p1 bra waits;
        """;

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5})
    void storesArriveWithTheirBytes(final long seed) {
        final Snippet snippet = Snippet.of(BEGIN.formatted(32) + """
            mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r1], 16;
            xor.b32 %r2, %thread, 1;
            mad.lo.u32 %r3, %r2, 16, %r0;
            add.u32 %r4, %thread, 100;
            mov.b32 %r5, 7;
            st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v4.b32 [%r3], {%thread, %r4, %r5, %r5}, [%r1];
            """ + WAIT + """
            mad.lo.u32 %r3, %thread, 16, %r0;
            ld.shared.v2.b32 {%d, %r6}, [%r3];
            cvt.u64.u32 %ld, %r6;
            """).seed(seed).runClean();
        for (int thread = 0; thread < 32; thread++) {
            assertEquals(thread ^ 1, snippet.d(thread));
            assertEquals((thread ^ 1) + 100, snippet.ld(thread));
        }
    }

    @ParameterizedTest
    @CsvSource({"add.u32, 496", "max.s32, 31", "or.b32, 31", "inc.u32, 0"})
    void reductionsMeetInOnePlace(final String operation, final int expected) {
        final Snippet snippet = Snippet.of(BEGIN.formatted(32) + """
            mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r1], 4;
            add.u32 %r3, %r0, 1024;
            red.async.relaxed.cluster.shared::cluster.mbarrier::complete_tx::bytes."""
            + operation + " [%r3], " + (operation.startsWith("inc") ? "31" : "%thread") + ", [%r1];\n" + WAIT
            + "ld.shared.b32 %d, [%r0+1024];\n").runClean();
        for (int thread = 0; thread < 32; thread++) {
            assertEquals(expected, snippet.d(thread));
        }
    }

    @ParameterizedTest
    @CsvSource({"noinc., 32", "'', 32"})
    void copiesArriveWhenTheyAreDone(final String counted, final int count) {
        for (long seed = 1; seed <= 4; seed++) {
            final Snippet snippet = Snippet.of(BEGIN.formatted(count) + """
                mad.lo.u32 %r2, %thread, 4, %r0;
                cvt.u64.u32 %l0, %thread;
                mad.lo.u64 %l0, %l0, 4, %scratch;
                st.global.b32 [%l0], %thread;
                cp.async.ca.shared.global [%r2], [%l0], 4;
                cp.async.mbarrier.arrive."""
                + counted + "shared.b64 [%r1];\n"
                + (counted.isEmpty() ? "mbarrier.arrive.shared.b64 _, [%r1];\n" : "") + WAIT + """
                xor.b32 %r3, %thread, 5;
                mad.lo.u32 %r2, %r3, 4, %r0;
                ld.shared.b32 %d, [%r2];
                """).seed(seed).runClean();
            for (int thread = 0; thread < 32; thread++) {
                assertEquals(thread ^ 5, snippet.d(thread));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"st.async.shared::cluster.mbarrier::complete_tx::bytes.b32 [%r2], %thread, [%r1];",
        "cp.async.ca.shared.global [%r2], [%l0], 4; cp.async.mbarrier.arrive.noinc.shared.b64 [%r1];"})
    void whatIsNotWaitedForIsFound(final String instruction) {
        final Snippet snippet = Snippet.of(BEGIN.formatted(64) + """
            mad.lo.u32 %r2, %thread, 4, %r0;
            cvt.u64.u32 %l0, %thread;
            mad.lo.u64 %l0, %l0, 4, %scratch;
            """ + instruction + "\nld.shared.b32 %d, [%r2];\n").run();
        assertTrue(snippet.kinds().contains(FindingKind.ASYNC_COPY_IN_FLIGHT), snippet.kinds().toString());
    }
}
