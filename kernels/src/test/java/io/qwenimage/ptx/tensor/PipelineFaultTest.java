package io.qwenimage.ptx.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.ptx.inspection.Finding;
import io.qwenimage.ptx.inspection.FindingKind;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A pipeline of tensor copies and products runs clean; each fault put into it is found and named. */
class PipelineFaultTest {

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 7})
    void testRunSuccess(final int steps) {
        for (long seed = 1; seed <= 4; seed++) {
            final Pipeline pipeline = new Pipeline(steps);
            pipeline.run(Pipeline.text(), seed).requireClean();
            assertTrue(pipeline.error() < 1e-4, "error " + pipeline.error());
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("faults")
    void everyFaultIsFoundAndNamed(final Fault fault) {
        final String text = fault.put(Pipeline.text());
        final List<Finding> findings = new Pipeline(5).run(text, 1).findings();
        final List<Finding> expected = findings.stream().filter(finding -> finding.kind() == fault.kind()).toList();
        assertFalse(expected.isEmpty(), "expected " + fault.kind() + ", found " + findings);
        final Finding finding = expected.get(0);
        assertEquals("pipeline", finding.kernel());
        assertEquals("(0, 0, 0)", finding.block());
        assertTrue(finding.thread().matches("\\(\\d+, 0, 0\\)"), finding.thread());
        assertTrue(finding.instruction().contains(fault.at()), finding.toString());
        assertEquals(text.lines().toList().get(finding.line() - 1).strip(), finding.instruction().strip());
    }

    static Stream<Fault> faults() {
        return Stream.of(
            new Fault("the bytes of a stage are not expected",
                "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r13], 16384;",
                "mbarrier.arrive.shared::cta.b64 _, [%r13];", FindingKind.ASYNC_COPY_IN_FLIGHT, "wgmma.mma_async"),
            new Fault("too few bytes are expected", "[%r13], 16384;", "[%r13], 8192;", FindingKind.ASYNC_COPY_IN_FLIGHT,
                "wgmma.mma_async"),
            new Fault("too many bytes are expected", "[%r13], 16384;", "[%r13], 16400;", FindingKind.DEADLOCK,
                "mbarrier.try_wait"),
            new Fault("a stage is filled before it is empty", "    @!%p3 bra $wait_empty;\n", "",
                FindingKind.ASYNC_COPY_IN_FLIGHT,
                "cp.async.bulk.tensor"),
            new Fault("the wait for an empty stage has the wrong phase", "[%r9+32784], %r7;", "[%r9+32784], %r6;",
                FindingKind.DEADLOCK, "mbarrier.try_wait"),
            new Fault("a stage is read before it is full", "    @!%p5 bra $wait_full;\n", "",
                FindingKind.ASYNC_COPY_IN_FLIGHT,
                "wgmma.mma_async"),
            new Fault("a stage is given back before the products have read it",
                "    wgmma.wait_group.sync.aligned 0;\n    mbarrier.arrive.shared::cta.b64 _, [%r9+32784];\n",
                "    mbarrier.arrive.shared::cta.b64 _, [%r9+32784];\n    wgmma.wait_group.sync.aligned 0;\n",
                    FindingKind.RACE,
                "cp.async.bulk.tensor"),
            new Fault("a wait too few for products", "wgmma.wait_group.sync.aligned 0;",
                "wgmma.wait_group.sync.aligned 1;",
                FindingKind.WGMMA_IN_FLIGHT, "st.shared"),
            new Fault("no fence before the products", "    wgmma.fence.sync.aligned;\n", "",
                FindingKind.PROXY_FENCE_MISSING,
                "wgmma.mma_async"),
            new Fault("no proxy fence before the result is copied", "    fence.proxy.async.shared::cta;\n", "",
                FindingKind.PROXY_FENCE_MISSING, "cp.async.bulk.global"),
            new Fault("no barrier before the result is copied", "    bar.sync 1, 128;\n", "", FindingKind.RACE, ""),
            new Fault("no wait for the copy of the result", "    cp.async.bulk.wait_group 0;\n", "",
                FindingKind.ASYNC_COPY_IN_FLIGHT, "cp.async.bulk.global"),
            new Fault("an accumulator without a value", "    mov.f32 %d7, 0f00000000;\n", "",
                FindingKind.UNINITIALISED_REGISTER,
                "wgmma.mma_async"),
            new Fault("a descriptor beyond shared memory", "add.u64 %rd11, %rd4, 6;", "add.u64 %rd11, %rd4, 16000;",
                FindingKind.OUT_OF_BOUNDS, "wgmma.mma_async"),
            new Fault("a stage off its alignment", "add.u32 %r12, %r11, 8192;\n    add.u32 %r13",
                "add.u32 %r12, %r11, 8208;\n    add.u32 %r13",
                FindingKind.MISALIGNED, "cp.async.bulk.tensor"),
            new Fault("a barrier for too many threads", "[%r2+32784], 128;", "[%r2+32784], 129;", FindingKind.DEADLOCK,
                "mbarrier.try_wait"),
            new Fault("a barrier for too few threads", "[%r2+32784], 128;", "[%r2+32784], 64;", FindingKind.RACE,
                "cp.async.bulk.tensor"),
            new Fault("a barrier that is not initialised", "    mbarrier.init.shared::cta.b64 [%r2+32776], 1;\n", "",
                FindingKind.BARRIER, "mbarrier"),
            new Fault("no barrier after the initialisation", "$ready:\n    bar.sync 0;\n", "$ready:\n",
                FindingKind.BARRIER, "mbarrier"),
            new Fault("a barrier overwritten by data", "[%r30+35840], {%d2, %d3}", "[%r30+32768], {%d2, %d3}",
                FindingKind.ASYNC_COPY_IN_FLIGHT, "st.shared"),
            new Fault("the result overwrites a stage while it is multiplied",
                "    wgmma.commit_group.sync.aligned;\n",
                "    wgmma.commit_group.sync.aligned;\n    st.shared.b32 [%r12], %r4;\n",
                    FindingKind.ASYNC_COPY_IN_FLIGHT,
                "st.shared.b32"),
            new Fault("an accumulator is read while it is added to", "    wgmma.commit_group.sync.aligned;\n",
                "    wgmma.commit_group.sync.aligned;\n    add.f32 %d3, %d3, %d3;\n", FindingKind.WGMMA_IN_FLIGHT,
                    "add.f32"),
            new Fault("one warp executes another product", "    wgmma.commit_group.sync.aligned;\n",
                "    setp.eq.u32 %p8, %r1, 128;\n    @%p8 bra $skip;\n    bar.warp.sync -1;\n$skip:\n"
                    + "    wgmma.commit_group.sync.aligned;\n", FindingKind.LANE_MASK, "bar.warp.sync"),
            new Fault("a copy of a rank that the map has not",
                "2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%r11], [%rd1, {%r14, %r16}]",
                "3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%r11], [%rd1, {%r14, %r16, %r16}]",
                FindingKind.INVALID_OPERAND, "cp.async.bulk.tensor.3d"),
            new Fault("a column that is no multiple of 16 bytes", "shl.b32 %r14, %r4, 6;",
                "mad.lo.u32 %r14, %r4, 65, 0;", FindingKind.INVALID_OPERAND, "cp.async.bulk.tensor.2d"),
            new Fault("more registers than there are", "setmaxnreg.dec.sync.aligned.u32 40;",
                "setmaxnreg.dec.sync.aligned.u32 160;",
                FindingKind.DEADLOCK, ""),
            new Fault("a bulk copy of a ragged size", "[%r31], 16384;", "[%r31], 16380;", FindingKind.INVALID_OPERAND,
                "cp.async.bulk.global"),
            new Fault("the result leaves its buffer", "[%rd14], [%r31], 16384;", "[%rd14+16], [%r31], 16384;",
                FindingKind.OUT_OF_BOUNDS, "cp.async.bulk.global"));
    }

    @Test
    void copyBeyondTheTensorBringsZeros() {
        final Pipeline pipeline = new Pipeline(2);
        final String text = new Fault("", "shl.b32 %r14, %r4, 6;", "mad.lo.u32 %r14, %r4, 72, 0;", null,
            "").put(Pipeline.text());
        pipeline.run(text, 1).requireClean();
        assertTrue(pipeline.error() > 0.1, "columns 72 to 135 were read, the last of them as zeros");
    }

    /**
     * A fault.
     *
     * @param name what is wrong
     * @param find a part of the text that is there once
     * @param replacement what takes its place
     * @param kind the finding it has to cause
     * @param at part of the instruction that the finding has to name
     */
    record Fault(String name, String find, String replacement, FindingKind kind, String at) {
        String put(final String text) {
            final int place = text.indexOf(find);
            assertTrue(place >= 0 && text.indexOf(find, place + 1) < 0, "not once in the text: " + find);
            return text.substring(0, place) + replacement + text.substring(place + find.length());
        }

        @Override
        public String toString() {
            return name;
        }
    }
}
