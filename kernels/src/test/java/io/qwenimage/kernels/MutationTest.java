package io.qwenimage.kernels;

import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.io.IOException;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The tests of the kernels fail when the kernels are wrong: one small fault at a time. */
class MutationTest {
    @BeforeAll
    static void compile() throws IOException, InterruptedException {
        MutationRun.requireCompiler();
    }

    static Stream<Mutation> mutations() {
        return Mutations.all().stream();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("mutations")
    void testFaultIsNoticed(final Mutation mutation) throws IOException {
        assertNotNull(MutationRun.fault(mutation.module(), mutation::applied, mutation.check()),
                () -> "nobody noticed " + mutation);
    }

    /** Without a fault the same tests pass on the same path: what they notice above is the fault. */
    @ParameterizedTest(name = "{0}")
    @MethodSource("mutations")
    void testWithoutAFaultNothingIsNoticed(final Mutation mutation) throws IOException {
        assertNull(MutationRun.fault(mutation.module(), (name, content) -> content, mutation.check()));
    }
}
