package io.qwenimage.ptx;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.qwenimage.ptx.memory.DeviceMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;

class PtxMachineTest {
    private static final String PTX = """
        .version 8.0
        .target sm_80
        .address_size 64
        .visible .entry add(.param .u64 a, .param .u64 out, .param .u32 n)
        {
            .reg .pred %p<2>;
            .reg .b32 %r<10>;
            .reg .b64 %rd<10>;
            ld.param.u64 %rd1, [a];
            ld.param.u64 %rd2, [out];
            cvta.to.global.u64 %rd1, %rd1;
            cvta.to.global.u64 %rd2, %rd2;
            mov.u32 %r1, %tid.x;
            cvta.to.global.u64 %rd3, %rd2;
            mov.b64 %rd4, {%r1, 0};
            add.s64 %rd4, %rd4, %rd4;
            add.s64 %rd4, %rd4, %rd4;
            add.s64 %rd5, %rd1, %rd4;
            add.s64 %rd6, %rd2, %rd4;
            ld.global.b32 %r2, [%rd5];
            add.s32 %r3, %r2, 7;
            st.global.b32 [%rd6], %r3;
            ret;
        }
        """;

    @Test
    void testRunSuccess() {
        final DeviceMemory memory = new DeviceMemory();
        final PtxProgram program = PtxProgram.load(PTX, memory);
        final byte[] input = new byte[256];
        for (int i = 0; i < 64; i++) {
            ByteBuffer.wrap(input).order(ByteOrder.LITTLE_ENDIAN).putInt(i * 4, i * i);
        }
        final long a = memory.allocate(256);
        final long out = memory.allocate(256);
        memory.write(a, input, 0, 256);
        final byte[] arguments = ByteBuffer.allocate(20).order(ByteOrder.LITTLE_ENDIAN).putLong(a).putLong(out)
            .putInt(64).array();
        PtxMachine.launch(program, "add", new int[] {1, 1, 1}, new int[] {64, 1, 1}, 0, arguments,
            LaunchOptions.standard()).requireClean();
        final byte[] output = new byte[256];
        memory.read(out, output, 0, 256);
        for (int i = 0; i < 64; i++) {
            assertEquals(i * i + 7, ByteBuffer.wrap(output).order(ByteOrder.LITTLE_ENDIAN).getInt(i * 4));
        }
    }
}
