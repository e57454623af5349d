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
                mutation("    barrier_wait(shared_address(&empty[ring.stage]), ring.parity ^ 1);\n", "",
                        test::testTilesDividedByKeysAreAddedUp),
                mutation("barrier_arrive_expect(barrier, TILE_BYTES);",
                        "barrier_arrive_expect(barrier, TILE_BYTES / 2);", test::testRaggedEdges),
                mutation("    wgmma_wait<1>();\n    hold(scores);", "    wgmma_wait<2>();\n    hold(scores);",
                        test::testRaggedEdges),
                mutation("    consumer.await_turn();\n    wgmma_fence();\n    multiply_query_key",
                        "    consumer.await_turn();\n    multiply_query_key", test::testRaggedEdges),
                mutation("b + (k * PANEL * ELEMENT_BYTES >> 4)", "b + (k * PANEL >> 4)", test::testOneTile),
                mutation("operand(value, TILE_PANEL_BYTES)", "operand(value, 1024)", test::testOneTile),
                mutation("column > limits[i / 2 % 2]", "column > limits[i % 2]", test::testCausalWithGroupedHeads),
                mutation("min(last_key, row + 8 + item.diagonal)", "min(last_key, row + item.diagonal)",
                        test::testCausalWithGroupedHeads),
                mutation("subtrahend[row] = softmax.maximum[row] * scale_log2;",
                        "subtrahend[row] = softmax.maximum[row];", test::testLargeMagnitudes),
                mutation("output[i] *= softmax.correction[i / 2 % 2];", "output[i] *= softmax.correction[0];",
                        test::testLargeMagnitudes),
                mutation("arrived != item.slots - 1", "arrived != 0", test::testTilesDividedByKeysAreAddedUp),
                mutation("const bool valid = row + half * 8 < rows;", "const bool valid = row < rows;",
                        test::testRaggedEdges),
                mutation("const bool upper = quarter & 2;", "const bool upper = quarter & 1;", test::testOneTile),
                mutation("item.head * (HEAD * ELEMENT_BYTES)", "item.key_head * (HEAD * ELEMENT_BYTES)",
                        test::testCausalWithGroupedHeads));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("mutations")
    void testFaultIsNoticed(final Mutation mutation) throws IOException {
        assertNotNull(MutationRun.fault(MODULE, mutation::applied, mutation.check()), () -> "nobody noticed " + mutation);
    }

    /** On the same path: what is noticed above is the fault. */
    @ParameterizedTest
    @ValueSource(strings = {"causal", "divided"})
    void testWithoutAFaultNothingIsNoticed(final String name) throws IOException {
        final HopperAttentionKernelsTest test = new HopperAttentionKernelsTest();
        assertNull(MutationRun.fault(MODULE, (file, content) -> content, name.equals("causal") ? test::testCausalWithGroupedHeads
                : test::testTilesDividedByKeysAreAddedUp));
    }

    private static Mutation mutation(final String text, final String fault, final Consumer<KernelDevice> check) {
        return Mutation.in(MODULE, text, fault, check);
    }
}
