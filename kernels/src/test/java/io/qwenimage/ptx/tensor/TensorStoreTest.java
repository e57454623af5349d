package io.qwenimage.ptx.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.qwenimage.ptx.LaunchOptions;
import io.qwenimage.ptx.PtxMachine;
import io.qwenimage.ptx.PtxProgram;
import io.qwenimage.ptx.memory.DeviceMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A box of 4 rows of 8 numbers is stored over the corner of a tensor of 3 rows of 5, whose rows are 12 numbers apart: a
 * device clips the rows exactly, and the columns at the next multiple of 16 bytes.
 */
class TensorStoreTest {
    private static final int F32 = 7;
    private static final int ROWS = 3;
    private static final int COLUMNS = 5;
    private static final int PITCH = 12;
    private static final int STORED_COLUMNS = 8;
    private static final int BEFORE = 99;

    private final DeviceMemory memory = new DeviceMemory();

    @ParameterizedTest
    @ValueSource(strings = {"cp.async.bulk.tensor.2d.global.shared::cta",
        "cp.reduce.async.bulk.tensor.2d.global.shared::cta.add"})
    void columnsAreClippedAtTheNextMultipleOf16Bytes(final String instruction) {
        final int numbers = 4 * PITCH;
        final long out = run(instruction, numbers);
        final int base = instruction.contains("add") ? BEFORE : 0;
        for (int at = 0; at < numbers; at++) {
            final int row = at / PITCH;
            final int column = at % PITCH;
            final int value = base + 8 * row + column;
            assertEquals(row < ROWS && column < STORED_COLUMNS ? value : BEFORE, number(out, at, false), "at " + at);
            assertEquals(row < ROWS && column < COLUMNS ? value : BEFORE, number(out, at, true),
                "at " + at + ", without what spilled");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"cp.async.bulk.tensor.2d.global.shared::cta",
        "cp.reduce.async.bulk.tensor.2d.global.shared::cta.add"})
    void anAllocationMayEndWithTheLastRow(final String instruction) {
        final int numbers = (ROWS - 1) * PITCH + COLUMNS;
        final long out = run(instruction, numbers);
        final int base = instruction.contains("add") ? BEFORE : 0;
        assertEquals(base + 8 * 2 + 4, number(out, numbers - 1, false));
    }

    /** Every thread puts its number into shared memory, and one stores them; returns the tensor's address. */
    private long run(final String instruction, final int numbers) {
        final ByteBuffer content = ByteBuffer.allocate(numbers * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        final float[] before = new float[numbers];
        Arrays.fill(before, BEFORE);
        content.asFloatBuffer().put(before);
        final long out = memory.allocate(content.capacity());
        memory.write(out, content.array(), 0, content.capacity());
        final byte[] map = TensorMap.encodeTiled(F32, out, new long[] {COLUMNS, ROWS}, new long[] {PITCH * Float.BYTES},
            new int[] {8, 4}, new int[] {1, 1}, 0, 0, 0, 0);
        final String text = """
            .version 8.7
            .target sm_90a
            .address_size 64
            .visible .entry store(.param .align 64 .b8 map[128])
            {
            .reg .pred %%p<2>;
            .reg .b32 %%r<4>;
            .reg .b64 %%rd<2>;
            .reg .f32 %%f<2>;
            .shared .align 128 .b8 box[128];
            mov.u32 %%r0, %%tid.x;
            cvt.rn.f32.u32 %%f0, %%r0;
            mov.u32 %%r1, box;
            mad.lo.u32 %%r2, %%r0, 4, %%r1;
            st.shared.f32 [%%r2], %%f0;
            fence.proxy.async.shared::cta;
            bar.sync 0;
            setp.ne.u32 %%p0, %%r0, 0;
            @%%p0 ret;
            mov.b64 %%rd0, map;
            cvta.param.u64 %%rd0, %%rd0;
            mov.u32 %%r3, 0;
            %s.tile.bulk_group [%%rd0, {%%r3, %%r3}], [%%r1];
            cp.async.bulk.commit_group;
            cp.async.bulk.wait_group 0;
            ret;
            }
            """.formatted(instruction);
        PtxMachine.launch(PtxProgram.load(text, memory), "store", new int[] {1, 1, 1}, new int[] {32, 1, 1}, 0, map,
            LaunchOptions.standard().withThreads(1)).requireClean();
        return out;
    }

    private float number(final long out, final int index, final boolean withoutSpills) {
        final byte[] bytes = new byte[Float.BYTES];
        if (withoutSpills) {
            memory.readWithoutSpills(out + (long) index * Float.BYTES, bytes, 0, bytes.length);
        } else {
            memory.read(out + (long) index * Float.BYTES, bytes, 0, bytes.length);
        }
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getFloat();
    }
}
