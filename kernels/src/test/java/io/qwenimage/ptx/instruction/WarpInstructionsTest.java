package io.qwenimage.ptx.instruction;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.ptx.Snippet;
import java.util.function.IntUnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Exchange between lanes, divergence, calls, atomics and tiles of matrices against the PTX manual's definitions. */
class WarpInstructionsTest {
    static Stream<Arguments> exchanges() {
        return Stream.of(
            exchange("shfl.sync.bfly.b32 %d, %thread, 5, 31, -1;", lane -> lane ^ 5),
            exchange("shfl.sync.up.b32 %d, %thread, 3, 0, -1;", lane -> lane < 3 ? lane : lane - 3),
            exchange("shfl.sync.down.b32 %d, %thread, 3, 31, -1;", lane -> lane > 28 ? lane : lane + 3),
            exchange("shfl.sync.down.b32 %d|%p0, %thread, 3, 0x1807, -1; selp.b32 %d, %d, 99, %p0;",
                lane -> (lane & 7) > 4 ? 99 : lane + 3),
            exchange("shfl.sync.idx.b32 %d, %thread, 2, 0x181f, -1;", lane -> lane & 24 | 2),
            exchange("and.b32 %r0, %thread, 1; setp.eq.u32 %p0, %r0, 1; vote.sync.ballot.b32 %d, %p0, -1;",
                lane -> 0xaaaaaaaa),
            exchange("setp.lt.u32 %p0, %thread, 40; vote.sync.all.pred %p1, %p0, -1; selp.b32 %d, 1, 0, %p1;",
                lane -> 1),
            exchange("and.b32 %r0, %thread, 3; match.any.sync.b32 %d, %r0, -1;", lane -> 0x11111111 << (lane & 3)),
            exchange("redux.sync.add.s32 %d, %thread, -1;", lane -> 496),
            exchange("sub.u32 %r0, 5, %thread; redux.sync.min.s32 %d, %r0, -1;", lane -> -26),
            exchange("elect.sync %r0|%p0, -1; selp.b32 %d, 1, 0, %p0;", lane -> lane == 0 ? 1 : 0),
            exchange("mov.u32 %d, %lanemask_lt;", lane -> (1 << lane) - 1),
            exchange("setp.lt.u32 %p0, %thread, 16; @%p0 bra A; activemask.b32 %d; bra B; A: activemask.b32 %d; B:",
                lane -> lane < 16 ? 0xffff : 0xffff0000),
            exchange("mov.u32 %r0, 0; L: add.u32 %r0, %r0, 2; setp.lt.u32 %p0, %r0, %thread;"
                + "@%p0 bra L; mov.u32 %d, %r0;",
                lane -> Math.max(2, (lane + 1) / 2 * 2)),
            exchange("and.b32 %r0, %thread, 3; T: .branchtargets A, B, C, B; brx.idx %r0, T; A: mov.u32 %d, 10; bra E;"
                + "B: mov.u32 %d, 11; bra E; C: mov.u32 %d, 12; E: bar.sync 0;",
                lane -> new int[] {10, 11, 12, 11}[lane & 3]));
    }

    @ParameterizedTest
    @MethodSource("exchanges")
    void testEveryLane(final String instructions, final IntUnaryOperator expected) {
        final Snippet snippet = Snippet.of(instructions).runClean();
        for (int lane = 0; lane < 32; lane++) {
            assertEquals(expected.applyAsInt(lane), snippet.d(lane), instructions + " in lane " + lane);
        }
    }

    @Test
    void testAtomicsOfManyBlocksLoseNothing() {
        final Snippet snippet = Snippet.of("red.global.add.u32 [%scratch], 1; atom.global.inc.u32 %r0, [%scratch+4], 6;"
            + "atom.global.max.s32 %r1, [%scratch+8], %thread; mov.f32 %r2, 0f3F800000;"
            + "red.global.add.f32 [%scratch+12], %r2;"
            + "mov.u32 %r3, 0x3c003c00; red.global.add.noftz.f16x2 [%scratch+16], %r3;")
            .threads(64).blocks(16).run();
        assertEquals(1024, snippet.scratch(0));
        assertEquals(1024 % 7, snippet.scratch(1));
        assertEquals(63, snippet.scratch(2));
        assertEquals(1024f, Float.intBitsToFloat(snippet.scratch(3)));
        assertEquals(Float.floatToFloat16(1024) & 0xffff, snippet.scratch(4) & 0xffff);
    }

    @Test
    void testTilesAreTransposedOnDemand() {
        final String fill =
            "mov.u32 %r0, shared; shl.b32 %r1, %thread, 4; add.u32 %r1, %r0, %r1; shl.b32 %r2, %thread, 3;"
            + "add.u32 %r3, %r2, 0x10000; add.u32 %r4, %r2, %r2; mad.lo.u32 %r5, %r2, 0x10001, 0x10000;"
            + "add.u32 %r6, %r5, 0x20002;"
            + "add.u32 %r7, %r6, 0x20002; add.u32 %r8, %r7, 0x20002; st.shared.v4.b32 [%r1], {%r5, %r6, %r7, %r8};"
            + "bar.sync 0;";
        final Snippet plain = Snippet.of(fill + "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%d}, [%r1];").runClean();
        final Snippet transposed = Snippet.of(fill + "ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%d}, [%r1];")
            .runClean();
        final Snippet moved = Snippet.of(fill + "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r9}, [%r1];"
            + "movmatrix.sync.aligned.m8n8.trans.b16 %d, %r9;").runClean();
        for (int lane = 0; lane < 32; lane++) {
            final int row = lane / 4;
            final int pair = 2 * (lane % 4);
            assertEquals(8 * row + pair | 8 * row + pair + 1 << 16, plain.d(lane));
            assertEquals(8 * pair + row | 8 * (pair + 1) + row << 16, transposed.d(lane));
            assertEquals(transposed.d(lane), moved.d(lane));
        }
    }

    @Test
    void testWhatIsNotKnownStopsWithItsNameAndLine() {
        final UnsupportedInstructionException opcode = assertThrows(UnsupportedInstructionException.class,
            () -> Snippet.of("frobnicate.b32 %d, %a;").run());
        assertTrue(opcode.getMessage().contains("line 27") && opcode.getMessage().contains("frobnicate"),
            opcode.getMessage());
        final UnsupportedInstructionException modifier = assertThrows(UnsupportedInstructionException.class,
            () -> Snippet.of("add.wobbly.f32 %d, %a, %b;").run());
        assertTrue(modifier.getMessage().contains(".wobbly"), modifier.getMessage());
    }

    private static Arguments exchange(final String instructions, final IntUnaryOperator expected) {
        return Arguments.of(instructions, expected);
    }
}
