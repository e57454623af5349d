package io.qwenimage.ptx.instruction;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.ptx.LaunchOptions;
import io.qwenimage.ptx.LaunchResult;
import io.qwenimage.ptx.PtxMachine;
import io.qwenimage.ptx.PtxProgram;
import io.qwenimage.ptx.inspection.FindingKind;
import io.qwenimage.ptx.memory.DeviceMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Calls by name and by address, in warps whose lanes call different functions. */
class CallInstructionsTest {
    private static final String TEXT = """
        .version 8.7
        .target sm_80
        .address_size 64
        .func (.param .b32 y) increased (.param .b32 x);
        .global .align 8 .u64 table[3] = {increased, tripled, folded};
        .func (.param .b32 y) increased (.param .b32 x)
        {
        .reg .b32 %r<2>;
        ld.param.b32 %r0, [x];
        add.u32 %r0, %r0, 1;
        st.param.b32 [y], %r0;
        ret;
        }
        .func (.param .b32 y) tripled (.param .b32 x)
        {
        .reg .b32 %r<2>;
        ld.param.b32 %r0, [x];
        mul.lo.u32 %r0, %r0, 3;
        st.param.b32 [y], %r0;
        ret;
        }
        .func (.param .b32 y) folded (.param .b32 x)
        {
        .reg .pred %p;
        .reg .b32 %r<3>;
        ld.param.b32 %r0, [x];
        setp.lt.u32 %p, %r0, 2;
        @%p bra done;
        sub.u32 %r1, %r0, 2;
        { .param .b32 a; .param .b32 b;
        st.param.b32 [a], %r1;
        call.uni (b), folded, (a);
        ld.param.b32 %r2, [b]; }
        add.u32 %r0, %r0, %r2;
        done: st.param.b32 [y], %r0;
        ret;
        }
        .visible .entry kernel(.param .u64 out)
        {
        .reg .pred %p<3>;
        .reg .b32 %r<6>;
        .reg .b64 %rd<5>;
        mov.u32 %r0, %tid.x;
        mov.u32 %r2, 7777;
        ld.param.u64 %rd0, [out];
        mad.wide.u32 %rd0, %r0, 4, %rd0;
        rem.u32 %r1, %r0, 3;
        mov.u64 %rd1, table;
        cvta.global.u64 %rd1, %rd1;
        mad.wide.u32 %rd1, %r1, 8, %rd1;
        ld.u64 %rd2, [%rd1];
        setp.lt.u32 %p0, %r0, 29;
        { .param .b32 a; .param .b32 b;
        st.param.b32 [a], %r0;
        proto: .callprototype (.param .b32 _) _ (.param .b32 _);
        CALL
        }
        st.global.b32 [%rd0], %r2;
        ret;
        }
        """;
    private static final String BY_ADDRESS = "call (b), %rd2, (a), proto; ld.param.b32 %r2, [b];";

    private final DeviceMemory memory = new DeviceMemory();
    private final long out = memory.allocate(128);

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void testEveryLaneCallsItsOwn(final long seed) {
        run(BY_ADDRESS, seed).requireClean();
        for (int lane = 0; lane < 32; lane++) {
            assertEquals(expected(lane), result(lane), "lane " + lane);
        }
    }

    @Test
    void testGuardedCallByAddress() {
        run("@%p0 call (b), %rd2, (a), proto; @%p0 ld.param.b32 %r2, [b];", 1).requireClean();
        for (int lane = 0; lane < 32; lane++) {
            assertEquals(lane < 29 ? expected(lane) : 7777, result(lane), "lane " + lane);
        }
    }

    @Test
    void testAddressOfAFunctionByName() {
        run("mov.u64 %rd2, tripled; " + BY_ADDRESS, 1).requireClean();
        assertEquals(3 * 31, result(31));
    }

    @Test
    void testRecursion() {
        run("call.uni (b), folded, (a); ld.param.b32 %r2, [b];", 1).requireClean();
        for (int lane = 0; lane < 32; lane++) {
            assertEquals(folded(lane), result(lane), "lane " + lane);
        }
    }

    @Test
    void testAddressWhereNoFunctionBegins() {
        final LaunchResult result = run("add.u64 %rd2, %rd2, 4; " + BY_ADDRESS, 1);
        assertEquals(FindingKind.INVALID_OPERAND, result.findings().get(0).kind());
        assertTrue(result.findings().get(0).toString().contains("no function of 1 parameters"),
            result.findings().toString());
    }

    private static int expected(final int lane) {
        return switch (lane % 3) {
            case 0 -> lane + 1;
            case 1 -> 3 * lane;
            default -> folded(lane);
        };
    }

    private static int folded(final int n) {
        return n < 2 ? n : n + folded(n - 2);
    }

    private LaunchResult run(final String call, final long seed) {
        return PtxMachine.launch(PtxProgram.load(TEXT.replace("CALL", call), memory), "kernel", new int[] {1, 1, 1},
            new int[] {32, 1, 1}, 0, ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(out).array(),
            LaunchOptions.standard().withThreads(1).withSeed(seed));
    }

    private int result(final int lane) {
        final byte[] word = new byte[4];
        memory.read(out + 4L * lane, word, 0, word.length);
        return ByteBuffer.wrap(word).order(ByteOrder.LITTLE_ENDIAN).getInt();
    }
}
