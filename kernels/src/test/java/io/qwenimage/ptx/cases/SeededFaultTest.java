package io.qwenimage.ptx.cases;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.ptx.LaunchOptions;
import io.qwenimage.ptx.inspection.Finding;
import io.qwenimage.ptx.inspection.FindingKind;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** One fault at a time is put into kernels that hold: each is caught, and named by kernel, line, block and thread. */
class SeededFaultTest {

    @ParameterizedTest(name = "{0}")
    @MethodSource("faults")
    void faultIsFoundAndNamed(final Fault fault) throws URISyntaxException {
        final CaseFolder sound = folder(fault.folder());
        final String text = fault.put(sound.ptx());
        final List<Finding> findings = run(sound, text).launch().findings();
        final List<Finding> expected = findings.stream()
            .filter(finding -> finding.kind() == fault.kind() && finding.instruction().contains(fault.at())).toList();
        assertFalse(expected.isEmpty(), "expected " + fault.kind() + " at " + fault.at() + ", found " + findings);
        final Finding finding = expected.get(0);
        assertEquals(sound.entry(), finding.kernel());
        assertEquals(text.lines().toList().get(finding.line() - 1).strip(), finding.instruction().strip());
        assertTrue(finding.block().matches("\\(\\d+, \\d+, \\d+\\)"), finding.block());
        assertTrue(finding.thread().matches("\\(\\d+, 0, 0\\)"), finding.thread());
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("wrongAnswers")
    void wrongAnswerIsNoticed(final Fault fault) throws URISyntaxException {
        final CaseFolder sound = folder(fault.folder());
        final CaseRun run = run(sound, fault.put(sound.ptx()));
        assertTrue(run.problems().stream().anyMatch(problem -> problem.contains("elements differ")),
            run.problems().toString());
    }

    static Stream<Fault> faults() {
        final String convert = "convert_bf16_to_fp32_sm80";
        final String copy = "tensor_map_copy_bf16_sm90";
        final String product = "matmul_bf16_sm80";
        final String attention = "attention_full_sm90";
        return Stream.of(
            new Fault("bound off by one", convert, "setp.lt.s32 \t%p1, %r7, %r4;", "setp.le.s32 \t%p1, %r7, %r4;",
                FindingKind.OUT_OF_BOUNDS, "ld.global.b16"),
            new Fault("register never written", convert, "\tmad.wide.s32 \t%rd1, %r7, 2, %rd3;\n", "",
                FindingKind.UNINITIALISED_REGISTER, "ld.global.b16"),
            new Fault("misaligned element", convert, "ld.global.b16 { %rs1 }, [ %rd1 + 0 ]",
                "ld.global.b16 { %rs1 }, [ %rd1 + 1 ]",
                FindingKind.MISALIGNED, "ld.global.b16"),
            new Fault("misaligned vector", copy, "{%r33, %r34, %r35, %r36}, [%r32]",
                "{%r33, %r34, %r35, %r36}, [%r32+8]",
                FindingKind.MISALIGNED, "ld.shared.v4.b32"),
            new Fault("shared memory never written", "histogram_in_shared_memory_sm90",
                "\tst.shared.b32 \t[%r10], 0;\n", "",
                FindingKind.UNINITIALISED_MEMORY, "atom"),
            new Fault("missing proxy fence before a tensor store", copy,
                "{%r37, %r38, %r39, %r40};\n\tfence.proxy.async.shared::cta;\n",
                "{%r37, %r38, %r39, %r40};\n", FindingKind.PROXY_FENCE_MISSING, "cp.async.bulk.tensor.2d.global"),
            new Fault("missing fence for a tensor map", copy,
                "\t@%p2 fence.proxy.tensormap::generic.acquire.gpu [ %rd10 + 0 ], 0x80;\n",
                "", FindingKind.PROXY_FENCE_MISSING, "cp.async.bulk.tensor.2d.shared::cta"),
            new Fault("bytes not expected", copy, "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r19], 2048;",
                "mbarrier.arrive.shared::cta.b64 _, [%r19];", FindingKind.ASYNC_COPY_IN_FLIGHT, "ld.shared.v4.b32"),
            new Fault("no wait for a tensor load", copy, "\t@!complete bra.uni waitLoop;\n", "",
                FindingKind.ASYNC_COPY_IN_FLIGHT,
                "ld.shared.v4.b32"),
            new Fault("no wait for a tensor store", copy, "\tcp.async.bulk.wait_group \t0;\n", "",
                FindingKind.ASYNC_COPY_IN_FLIGHT,
                "cp.async.bulk.tensor.2d.global"),
            new Fault("row pitch that no tensor map has", copy, "mul.wide.s32 \t%rd13, %r16, 2;",
                "mul.wide.s32 \t%rd13, %r16, 1;",
                FindingKind.INVALID_OPERAND, "cp.async.bulk.tensor"),
            new Fault("destination off its alignment", copy, "complete_tx::bytes [%r20], [%rd15",
                "complete_tx::bytes [%r20+16], [%rd15",
                FindingKind.MISALIGNED, "cp.async.bulk.tensor.2d.shared::cta"),
            new Fault("wait for a copy too few", product, "cp.async.wait_group \t1;", "cp.async.wait_group \t2;",
                FindingKind.ASYNC_COPY_IN_FLIGHT, "ldmatrix"),
            new Fault("missing barrier behind copies", product, "\tcp.async.wait_group \t1;\n\tbar.sync \t0;\n",
                "\tcp.async.wait_group \t1;\n", FindingKind.RACE, "ldmatrix"),
            new Fault("barrier in a diverged warp", product, "\tcp.async.wait_group \t1;\n\tbar.sync \t0;\n",
                "\tcp.async.wait_group \t1;\n\t.reg .pred %odd;\n\t.reg .b32 %warp;\n\tand.b32 %warp, %tid.x, 1;\n"
                    + "\tsetp.eq.b32 %odd, %warp, 0;\n\t@%odd bar.sync \t0;\n", FindingKind.DIVERGED, "bar.sync"),
            new Fault("products not waited for", attention, "\twgmma.wait_group.sync.aligned 0;\n\tbar.sync",
                "\tbar.sync",
                FindingKind.WGMMA_IN_FLIGHT, ""),
            new Fault("products not fenced", attention, "\twgmma.fence.sync.aligned;\n\twgmma.mma_async",
                "\twgmma.mma_async",
                FindingKind.PROXY_FENCE_MISSING, "wgmma.mma_async"),
            new Fault("shuffle that leaves lanes out", "softmax_fp32_sm90", "16, 31, -1;", "16, 31, 65535;",
                FindingKind.LANE_MASK,
                "shfl.sync"),
            new Fault("sum that is not atomic", "histogram_in_shared_memory_sm90",
                "atom.relaxed.sys.shared.add.u32 \t%r36, [%r11], 1;",
                "ld.shared.b32 %r36, [%r11];\n\tadd.s32 %r36, %r36, 1;\n\tst.shared.b32 [%r11], %r36;",
                    FindingKind.RACE, ".shared.b32"));
    }

    static Stream<Fault> wrongAnswers() {
        return Stream.of(
            new Fault("fragments of B exchanged", "matmul_bf16_sm80", "{ %r86, %r87, %r88, %r89 }, { %r90, %r91 }",
                "{ %r86, %r87, %r88, %r89 }, { %r91, %r90 }", null, ""),
            new Fault("B taken with the other sign", "matmul_tensor_maps_tf32_sm90", "%p28, 1, 1;", "%p28, 1, -1;",
                null, ""),
            new Fault("coordinate of a tensor copy off by one", "tensor_map_copy_bf16_sm90", "[%rd15, {%r21, %r22}]",
                "[%rd15, {%r22, %r21}]", null, ""),
            new Fault("box that is not swizzled as it is read", "tensor_map_copy_bf16_sm90",
                "swizzle_mode.shared::cta.b1024.b32 [ %rd8 + 0 ], 0x3;",
                    "swizzle_mode.shared::cta.b1024.b32 [ %rd8 + 0 ], 0x0;",
                null, ""),
            new Fault("round of the noise with another constant", "philox_words_sm80",
                "%r15, -845247145;\n\tmul.lo.s32 \t%r25", "%r15, -845247143;\n\tmul.lo.s32 \t%r25", null, ""));
    }

    private static CaseFolder folder(final String name) throws URISyntaxException {
        return CaseFolder.read(Path.of(SeededFaultTest.class.getResource("/ptx-cases/" + name).toURI()));
    }

    private static CaseRun run(final CaseFolder sound, final String text) {
        final CaseFolder faulty = new CaseFolder(sound.name(), text, sound.entry(), sound.grid(), sound.block(),
            sound.dynamicSharedBytes(), sound.arguments(), sound.absolute(), sound.relative(), sound.before(),
                sound.expected());
        return CaseRun.of(faulty, LaunchOptions.standard().withThreads(1));
    }

    /**
     * A fault.
     *
     * @param name what is wrong
     * @param folder the case into which it is put
     * @param find a part of its text; the first place counts
     * @param replacement what takes its place
     * @param kind the finding that it has to cause
     * @param at part of the instruction that the finding has to name
     */
    record Fault(String name, String folder, String find, String replacement, FindingKind kind, String at) {
        String put(final String text) {
            final int place = text.indexOf(find);
            assertTrue(place >= 0, "not in the text of " + folder + ": " + find);
            return text.substring(0, place) + replacement + text.substring(place + find.length());
        }

        @Override
        public String toString() {
            return name;
        }
    }
}
