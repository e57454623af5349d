package io.qwenimage.ptx;

import io.qwenimage.ptx.inspection.Finding;
import io.qwenimage.ptx.inspection.FindingKind;
import io.qwenimage.ptx.memory.DeviceMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/**
 * Runs a few PTX instructions on one block. They find the thread's number in {@code %tid}, three inputs of 32 bits in
 * {@code %a %b %c} and of 64 bits in {@code %la %lb %lc}, and leave results in {@code %d} and {@code %ld}. Registers
 * {@code %r0..%r31}, {@code %l0..%l31}, {@code %h0..%h31} (16 bits) and {@code %p0..%p7} are theirs, as are 4096 bytes
 * of {@code shared} and the address {@code %scratch} of 4096 bytes of global memory.
 */
public final class Snippet {
    private static final int BYTES = 4096;

    private final String text;
    private int threads = 32;
    private int blocks = 1;
    private long seed = 1;
    private long[] a = {0};
    private long[] b = {0};
    private long[] c = {0};
    private LaunchResult result;
    private final long[] longs = new long[2048];
    private final byte[] scratch = new byte[BYTES];

    private Snippet(final String text) {
        this.text = text;
    }

    /** A snippet of instructions, one or more a line. */
    public static Snippet of(final String instructions) {
        return new Snippet(instructions);
    }

    public Snippet threads(final int count) {
        threads = count;
        return this;
    }

    public Snippet blocks(final int count) {
        blocks = count;
        return this;
    }

    public Snippet seed(final long newSeed) {
        seed = newSeed;
        return this;
    }

    /** Inputs by thread; a thread beyond the last value begins anew. */
    public Snippet inputs(final long[] first, final long[] second, final long[] third) {
        a = first;
        b = second;
        c = third;
        return this;
    }

    /** Runs it. */
    public Snippet run() {
        final DeviceMemory memory = new DeviceMemory();
        final long inputs = memory.allocate(24L * 1024, DeviceMemory.ALIGNMENT, "inputs");
        final ByteBuffer values = ByteBuffer.allocate(24 * 1024).order(ByteOrder.LITTLE_ENDIAN);
        for (int thread = 0; thread < 1024; thread++) {
            values.putLong(a[thread % a.length]).putLong(b[thread % b.length]).putLong(c[thread % c.length]);
        }
        memory.write(inputs, values.array(), 0, values.capacity());
        final long outputs = memory.allocate(16L * 1024, DeviceMemory.ALIGNMENT, "outputs");
        final long scratchAddress = memory.allocate(BYTES, DeviceMemory.ALIGNMENT, "scratch");
        memory.write(scratchAddress, new byte[BYTES], 0, BYTES);
        final byte[] arguments = ByteBuffer.allocate(24).order(ByteOrder.LITTLE_ENDIAN).putLong(inputs).putLong(outputs)
            .putLong(scratchAddress).array();
        final PtxProgram program = PtxProgram.load(module(), memory);
        result = PtxMachine.launch(program, "snippet", new int[] {blocks, 1, 1}, new int[] {threads, 1, 1}, 0,
            arguments, LaunchOptions.standard().withSeed(seed));
        final byte[] bytes = new byte[16 * 1024];
        memory.read(outputs, bytes, 0, bytes.length);
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asLongBuffer().get(longs);
        memory.read(scratchAddress, scratch, 0, BYTES);
        return this;
    }

    /** Runs it and fails on any finding. */
    public Snippet runClean() {
        run();
        result.requireClean();
        return this;
    }

    /** What %d held at the end. */
    public int d(final int thread) {
        return (int) longs[2 * thread];
    }

    /** What %ld held at the end. */
    public long ld(final int thread) {
        return longs[2 * thread + 1];
    }

    /** A word of the scratch memory. */
    public int scratch(final int word) {
        return ByteBuffer.wrap(scratch).order(ByteOrder.LITTLE_ENDIAN).getInt(4 * word);
    }

    public LaunchResult result() {
        return result;
    }

    /** The kinds found, in order. */
    public List<FindingKind> kinds() {
        return result.findings().stream().map(Finding::kind).distinct().toList();
    }

    private String module() {
        return """
            .version 8.7
            .target sm_90a
            .address_size 64
            .visible .entry snippet(.param .u64 inputs, .param .u64 outputs, .param .u64 scratch)
            {
            .reg .pred %%p<8>;
            .reg .b16 %%h<32>;
            .reg .b32 %%r<32>;
            .reg .b64 %%l<32>;
            .reg .b32 %%thread, %%a, %%b, %%c, %%d;
            .reg .b64 %%la, %%lb, %%lc, %%ld, %%inputs, %%outputs, %%scratch;
            .shared .align 1024 .b8 shared[%d];
            mov.u32 %%thread, %%tid.x;
            ld.param.u64 %%inputs, [inputs];
            ld.param.u64 %%outputs, [outputs];
            ld.param.u64 %%scratch, [scratch];
            mad.wide.u32 %%inputs, %%thread, 24, %%inputs;
            mad.wide.u32 %%outputs, %%thread, 16, %%outputs;
            ld.global.b64 %%la, [%%inputs];
            ld.global.b64 %%lb, [%%inputs+8];
            ld.global.b64 %%lc, [%%inputs+16];
            cvt.u32.u64 %%a, %%la;
            cvt.u32.u64 %%b, %%lb;
            cvt.u32.u64 %%c, %%lc;
            mov.b32 %%d, 0;
            mov.b64 %%ld, 0;
            %s
            st.global.b32 [%%outputs], %%d;
            st.global.b64 [%%outputs+8], %%ld;
            ret;
            }
            """.formatted(BYTES, text);
    }
}
