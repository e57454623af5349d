package io.qwenimage.ptx.instruction;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.ptx.LaunchOptions;
import io.qwenimage.ptx.LaunchResult;
import io.qwenimage.ptx.PtxMachine;
import io.qwenimage.ptx.PtxProgram;
import io.qwenimage.ptx.inspection.Finding;
import io.qwenimage.ptx.inspection.FindingKind;
import io.qwenimage.ptx.memory.DeviceMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;

class SystemCallsTest {
    private static final String HEAD = """
        .version 8.7
        .target sm_80
        .address_size 64
        .extern .func (.param .b32 result) vprintf (.param .b64 format, .param .b64 values);
        .extern .func __assertfail (.param .b64 m, .param .b64 f, .param .b32 l, .param .b64 n, .param .b64 s);
        .extern .func (.param .b64 p) malloc (.param .b64 n);
        .extern .func free (.param .b64 p);
        .global .align 1 .b8 format[12] = {37, 100, 32, 37, 37, 32, 37, 53, 46, 50, 102, 0};
        .global .align 1 .b8 message[6] = {105, 32, 60, 32, 51, 0};
        .global .align 1 .b8 file[5] = {120, 46, 99, 117, 0};
        .global .align 1 .b8 function[2] = {102, 0};
        .visible .entry kernel(.param .u64 out)
        {
        .reg .pred %p<2>;
        .reg .b32 %r<4>;
        .reg .b64 %rd<5>;
        .local .align 8 .b8 values[16];
        mov.u32 %r0, %tid.x;
        ld.param.u64 %rd0, [out];
        mad.wide.u32 %rd0, %r0, 4, %rd0;
        """;

    private final DeviceMemory memory = new DeviceMemory();
    private final long out = memory.allocate(128);

    /** The format "%d %% %5.2f" asks for two values. */
    @Test
    void printingReturnsTheNumberOfValues() {
        final byte[] numbers = new byte[128];
        run("""
            st.local.b32 [values], %r0;
            st.local.b64 [values+8], %rd0;
            mov.b64 %rd1, values;
            cvta.local.u64 %rd1, %rd1;
            mov.b64 %rd2, format;
            cvta.global.u64 %rd2, %rd2;
            { .param .b64 a; .param .b64 b; .param .b32 c;
            st.param.b64 [a], %rd2;
            st.param.b64 [b], %rd1;
            call.uni (c), vprintf, (a, b);
            ld.param.b32 %r1, [c]; }
            st.global.b32 [%rd0], %r1;
            ret;
            }
            """).requireClean();
        memory.read(out, numbers, 0, numbers.length);
        for (int lane = 0; lane < 32; lane++) {
            assertEquals(2, ByteBuffer.wrap(numbers).order(ByteOrder.LITTLE_ENDIAN).getInt(4 * lane));
        }
    }

    @Test
    void memoryOfTheKernelsHeap() {
        final String body = """
            mov.u64 %%rd2, 8;
            { .param .b64 a; .param .b64 b;
            st.param.b64 [a], %%rd2;
            call.uni (b), malloc, (a);
            ld.param.b64 %%rd1, [b]; }
            st.b32 [%%rd1+4], %%r0;
            ld.b32 %%r1, [%%rd1+%d];
            st.global.b32 [%%rd0], %%r1;
            { .param .b64 a;
            st.param.b64 [a], %%rd1;
            call.uni free, (a); }
            %s
            ret;
            }
            """;
        run(body.formatted(4, "")).requireClean();
        assertEquals(FindingKind.UNINITIALISED_MEMORY, run(body.formatted(0, "")).findings().get(0).kind());
        assertEquals(FindingKind.OUT_OF_BOUNDS, run(body.formatted(8, "")).findings().get(0).kind());
        assertEquals(FindingKind.USE_AFTER_FREE, run(body.formatted(4, "ld.b32 %r1, [%rd1+4];")).findings().get(0)
            .kind());
        assertEquals(FindingKind.USE_AFTER_FREE, run(body.formatted(4,
            "{ .param .b64 a; st.param.b64 [a], %rd1; call.uni free, (a); }")).findings().get(0).kind());
    }

    @Test
    void anAssertionThatFailsIsAFindingWithItsText() {
        final LaunchResult result = run("""
            setp.lt.u32 %p0, %r0, 3;
            @%p0 bra holds;
            mov.b64 %rd1, message;
            mov.b64 %rd2, file;
            mov.b64 %rd3, function;
            { .param .b64 m; .param .b64 f; .param .b32 l; .param .b64 n; .param .b64 s;
            st.param.b64 [m], %rd1;
            st.param.b64 [f], %rd2;
            st.param.b32 [l], 17;
            st.param.b64 [n], %rd3;
            st.param.b64 [s], 1;
            call.uni __assertfail, (m, f, l, n, s); }
            holds: st.global.b32 [%rd0], %r0;
            ret;
            }
            """);
        assertEquals(1, result.findings().size(), result.findings().toString());
        final Finding finding = result.findings().get(0);
        assertEquals(FindingKind.TRAP, finding.kind());
        assertTrue(finding.toString().contains("assertion `i < 3` fails in f, x.cu:17"), finding.toString());
        assertEquals("(3, 0, 0)", finding.thread());
    }

    private LaunchResult run(final String body) {
        return PtxMachine.launch(PtxProgram.load(HEAD + body, memory), "kernel", new int[] {1, 1, 1},
            new int[] {32, 1, 1}, 0, ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(out).array(),
            LaunchOptions.standard().withThreads(1));
    }
}
