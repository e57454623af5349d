package io.qwenimage.kernels;

import io.qwenimage.kernels.driver.KernelArguments;
import io.qwenimage.kernels.driver.LaunchGeometry;
import io.qwenimage.kernels.driver.TensorView;

/** Launches a tile of 32 rows a warp, which the launcher takes for more rows than a test can afford. */
record TallLaunch(KernelDevice device, AttentionCase attention) {
    private static final int ENOUGH_ROWS = 1 << 20;
    private static final int TALL_ROWS = 32;

    void run(final TensorView[] operands, final TensorView out) {
        final AttentionTile tile = AttentionTile.choose(attention.width, new int[] {ENOUGH_ROWS}, attention.heads,
                device.cuda().properties());
        if (tile.warpRows() != TALL_ROWS) {
            throw new IllegalStateException(tile + " is no tall tile");
        }
        final KernelArguments arguments = new KernelArguments();
        for (final TensorView operand : operands) {
            arguments.pointer(operand);
        }
        arguments.pointer(out).pointer(0).pointer(0).i32(attention.queries()).i32(attention.keys())
                .i32(attention.heads / attention.keyHeads).i32(attention.width);
        for (final TensorView operand : operands) {
            arguments.i32(operand.stride(0)).i32(operand.stride(1));
        }
        device.cuda().module("attention").kernel(tile.entry() + "_" + attention.type.suffix()).launch(device.stream(),
                LaunchGeometry.of(Math.ceilDiv(attention.queries(), tile.rows()), attention.heads, 1,
                        AttentionTile.THREADS, tile.sharedBytes()),
                arguments.i32(out.stride(0)).f32((float) (attention.scale() / Math.log(2)))
                        .i32(attention.causal ? 1 : 0));
    }
}
