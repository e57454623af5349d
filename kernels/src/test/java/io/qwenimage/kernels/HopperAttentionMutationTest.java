package io.qwenimage.kernels;

import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.io.IOException;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The tests of attention on Hopper fail when the kernel is wrong: a wait, a fence, a descriptor, a mask, a scale. */
class HopperAttentionMutationTest {
    private static final String MODULE = "attention_hopper";

    @BeforeAll
    static void compile() throws IOException, InterruptedException {
        MutationRun.requireCompiler();
    }

    static Stream<Mutation> mutations() {
        final HopperAttentionKernelsTest test = new HopperAttentionKernelsTest();
        return Stream.of(
                mutation("producer", "    barrier_wait(shared_address(&empty[ring.stage]), ring.parity ^ 1);\n", "",
                        test::testTilesDividedByKeysAreAddedUp),
                mutation("producer", "barrier_arrive_expect(barrier, TILE_BYTES);",
                        "barrier_arrive_expect(barrier, TILE_BYTES / 2);", test::testRaggedEdges),
                mutation("consumer", "    wgmma_wait<1>();\n    hold(scores);",
                        "    wgmma_wait<2>();\n    hold(scores);",
                        test::testRaggedEdges),
                mutation("consumer", "    consumer.await_turn();\n    wgmma_fence();\n    multiply_query_key",
                        "    consumer.await_turn();\n    multiply_query_key", test::testRaggedEdges),
                mutation("consumer", "b + (k * PANEL * ELEMENT_BYTES >> 4)", "b + (k * PANEL >> 4)", test::testOneTile),
                mutation("consumer", "operand(value, TILE_PANEL_BYTES)", "operand(value, 1024)", test::testOneTile),
                mutation("softmax", "column > limits[i / 2 % 2]", "column > limits[i % 2]",
                        test::testCausalWithGroupedHeads),
                mutation("consumer", "min(last_key, row + 8 + item.diagonal)", "min(last_key, row + item.diagonal)",
                        test::testCausalWithGroupedHeads),
                mutation("softmax", "subtrahend[row] = softmax.maximum[row] * scale_log2;",
                        "subtrahend[row] = softmax.maximum[row];", test::testLargeMagnitudes),
                mutation("softmax", "output[i] *= softmax.correction[i / 2 % 2];",
                        "output[i] *= softmax.correction[0];",
                        test::testLargeMagnitudes),
                mutation("epilogue", "arrived != item.slots - 1", "arrived != 0",
                        test::testTilesDividedByKeysAreAddedUp),
                mutation("epilogue", "const bool valid = row + half * 8 < rows;", "const bool valid = row < rows;",
                        test::testRaggedEdges),
                mutation("epilogue", "const bool upper = quarter & 2;", "const bool upper = quarter & 1;",
                        test::testOneTile),
                mutation(null, "item.head * (HEAD * ELEMENT_BYTES)", "item.key_head * (HEAD * ELEMENT_BYTES)",
                        test::testCausalWithGroupedHeads));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("mutations")
    void testFaultIsNoticed(final Mutation mutation) throws IOException {
        assertNotNull(MutationRun.fault(MODULE, mutation::applied, mutation.check()),
                () -> "nobody noticed " + mutation);
    }

    /** On the same path: what is noticed above is the fault. */
    @ParameterizedTest
    @ValueSource(strings = {"causal", "divided"})
    void testWithoutAFaultNothingIsNoticed(final String name) throws IOException {
        final HopperAttentionKernelsTest test = new HopperAttentionKernelsTest();
        assertNull(MutationRun.fault(MODULE, (file, content) -> content, name.equals("causal")
                ? test::testCausalWithGroupedHeads : test::testTilesDividedByKeysAreAddedUp));
    }

    /** A fault in a header of the kernel, by the end of its name, or in the kernel's own file. */
    private static Mutation mutation(final String header, final String text, final String fault,
            final Consumer<KernelDevice> check) {
        return header == null ? Mutation.in(MODULE, text, fault, check)
                : Mutation.in(MODULE, MODULE + "_" + header + ".cuh", text, fault, check);
    }
}
