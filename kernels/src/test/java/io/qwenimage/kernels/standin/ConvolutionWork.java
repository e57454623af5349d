package io.qwenimage.kernels.standin;

import io.qwenimage.ptx.memory.MemoryRegion;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import jcuda.driver.CUresult;

/**
 * A convolution that waits for its turn. Sums are taken in single precision, window by window in the order of rows,
 * columns and channels, and rounded once.
 */
final class ConvolutionWork implements Work {
    private static final int ALIGNED_BYTES = 16;
    private static final int TENSOR_FLOAT_BITS = 13;
    private static final int RUBBISH = 0x7fc0_beef;

    private final Session session;
    private final PosedContext context;
    private final ConvolutionShape shape;
    private final ConvolutionOperands operands;
    private final long workspace;

    /** Memory that it comes to, by name. */
    private record Range(String name, long address, long bytes) {
        private boolean overlaps(final Range other) {
            return address < other.address + other.bytes && other.address < address + bytes;
        }
    }

    ConvolutionWork(final Session session, final PosedContext context, final ConvolutionShape shape,
                    final ConvolutionOperands operands, final long workspace) {
        this.session = session;
        this.context = context;
        this.shape = shape;
        this.operands = operands;
        this.workspace = workspace;
    }

    /** Refuses operands that leave their memory, are not aligned, or lie where something is written. */
    void requireOperands() {
        final List<Range> ranges = ranges();
        for (final Range range : ranges) {
            ConvolutionCalls.require(context.holds(range.address, range.bytes), ConvolutionCalls.BAD_PARAM,
                    range.name + " of " + range.bytes + " bytes at 0x" + Long.toHexString(range.address) + ", which "
                            + session.ownerOf(range.address));
            ConvolutionCalls.require(range.address % ALIGNED_BYTES == 0, ConvolutionCalls.BAD_PARAM,
                    range.name + " at 0x" + Long.toHexString(range.address) + ", no multiple of " + ALIGNED_BYTES);
        }
        final Range result = ranges.getFirst();
        final Range scratch = ranges.get(1);
        ranges.stream().skip(1).filter(range -> !range.name.equals("the sum")).forEach(range ->
                ConvolutionCalls.require(!result.overlaps(range), ConvolutionCalls.BAD_PARAM,
                        "the result lies in " + range.name));
        ranges.stream().skip(2).forEach(range -> ConvolutionCalls.require(!scratch.overlaps(range),
                ConvolutionCalls.BAD_PARAM, "the workspace lies in " + range.name));
    }

    private List<Range> ranges() {
        final List<Range> ranges = new ArrayList<>();
        ranges.add(new Range("the result", operands.y(), shape.y().bytes()));
        ranges.add(new Range("the workspace", workspace, shape.workspaceBytes()));
        ranges.add(new Range("the picture", operands.x(), shape.x().bytes()));
        ranges.add(new Range("the filter", operands.w(), shape.w().bytes()));
        if (operands.bias() != 0) {
            ranges.add(new Range("the bias", operands.bias(), shape.y().bytes() / shape.y().elements()
                    * shape.y().c()));
        }
        if (operands.sum() != 0) {
            ranges.add(new Range("the sum", operands.sum(), shape.y().bytes()));
        }
        return ranges;
    }

    @Override
    public List<Access> accesses() {
        // The result and the workspace come first.
        final List<Range> ranges = ranges();
        return IntStream.range(0, ranges.size()).mapToObj(i ->
                new Access(ranges.get(i).address, ranges.get(i).bytes, i < 2)).toList();
    }

    @Override
    public boolean run() {
        for (final Range range : ranges()) {
            if (!context.holds(range.address, range.bytes)) {
                session.find("a convolution comes to 0x" + Long.toHexString(range.address) + ", which "
                        + session.ownerOf(range.address));
                context.breakBy(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS);
                return true;
            }
        }
        final float[] x = factors(read("the picture", operands.x(), shape.x().elements()));
        final float[] taps = byChannelOfResult(factors(read("the filter", operands.w(),
                shape.w().bytes() / ConvolutionDescriptor.bytesOf(shape.w().type()))));
        final float[] bias = operands.bias() == 0 ? null : read("the bias", operands.bias(), shape.y().c());
        final float[] sum = operands.sum() == 0 ? null : read("the sum", operands.sum(), shape.y().elements());
        spoilWorkspace();
        final float[] result = new float[(int) shape.y().elements()];
        IntStream.range(0, shape.y().n() * shape.y().h()).parallel()
                .forEach(row -> row(x, taps, bias, sum, row, result));
        write(result);
        return true;
    }

    /** From [k, r, s, c] to [r, s, c, k], so that the sums of a pixel's channels run side by side. */
    private float[] byChannelOfResult(final float[] filter) {
        final int out = shape.w().k();
        final int inner = filter.length / out;
        final float[] taps = new float[filter.length];
        for (int k = 0; k < out; k++) {
            for (int i = 0; i < inner; i++) {
                taps[i * out + k] = filter[k * inner + i];
            }
        }
        return taps;
    }

    private void row(final float[] x, final float[] taps, final float[] bias, final float[] sum, final int row,
                     final float[] result) {
        final int out = shape.y().c();
        final int picture = row / shape.y().h() * shape.x().h();
        final int top = row % shape.y().h() * shape.movement().strideHeight() - shape.movement().padHeight();
        final float[] sums = new float[out];
        for (int column = 0; column < shape.y().w(); column++) {
            Arrays.fill(sums, 0);
            final int left = column * shape.movement().strideWidth() - shape.movement().padWidth();
            for (int r = 0; r < shape.w().r(); r++) {
                for (int s = 0; s < shape.w().s(); s++) {
                    if (top + r >= 0 && top + r < shape.x().h() && left + s >= 0 && left + s < shape.x().w()) {
                        pixel(x, ((picture + top + r) * shape.x().w() + left + s) * shape.x().c(), taps,
                                (r * shape.w().s() + s) * shape.w().c() * out, sums);
                    }
                }
            }
            final int first = (row * shape.y().w() + column) * out;
            for (int k = 0; k < out; k++) {
                result[first + k] = sums[k] + (sum == null ? 0 : sum[first + k]) + (bias == null ? 0 : bias[k]);
            }
        }
    }

    private void pixel(final float[] x, final int place, final float[] taps, final int tap, final float[] sums) {
        final int out = sums.length;
        for (int c = 0; c < shape.x().c(); c++) {
            final float factor = x[place + c];
            final int start = tap + c * out;
            for (int k = 0; k < out; k++) {
                sums[k] += factor * taps[start + k];
            }
        }
    }

    private float[] factors(final float[] values) {
        if (shape.roundsToTensorFloat()) {
            for (int i = 0; i < values.length; i++) {
                final int half = 1 << TENSOR_FLOAT_BITS - 1;
                values[i] = Float.intBitsToFloat(Float.floatToRawIntBits(values[i]) + half & -(1 << TENSOR_FLOAT_BITS));
            }
        }
        return values;
    }

    private float[] read(final String name, final long address, final long count) {
        final MemoryRegion region = context.memory().range(address, 1);
        final int start = (int) (address - region.base());
        final int bytes = ConvolutionDescriptor.bytesOf(shape.x().type());
        if (!region.isWritten(start, (int) count * bytes)) {
            session.find("a convolution reads memory never written: " + name + " of " + shape);
        }
        final float[] values = new float[(int) count];
        for (int i = 0; i < values.length; i++) {
            values[i] = bytes == Float.BYTES ? Float.intBitsToFloat(region.getInt(start + i * bytes))
                    : Float.intBitsToFloat(region.getShort(start + i * bytes) << 16);
        }
        return values;
    }

    /** Whatever lay there is lost, as in the library. */
    private void spoilWorkspace() {
        final MemoryRegion region = context.memory().range(workspace, 1);
        final int start = (int) (workspace - region.base());
        for (int i = 0; i + Integer.BYTES <= shape.workspaceBytes(); i += Integer.BYTES) {
            region.putInt(start + i, RUBBISH);
            region.markWritten(start + i, Integer.BYTES);
        }
    }

    private void write(final float[] values) {
        final MemoryRegion region = context.memory().range(operands.y(), 1);
        final int start = (int) (operands.y() - region.base());
        final int bytes = ConvolutionDescriptor.bytesOf(shape.y().type());
        for (int i = 0; i < values.length; i++) {
            if (bytes == Float.BYTES) {
                region.putInt(start + i * bytes, Float.floatToRawIntBits(values[i]));
            } else {
                region.putShort(start + i * bytes, MatrixProduct.toBfloat16(values[i]));
            }
        }
        region.markWritten(start, values.length * bytes);
    }

    @Override
    public String toString() {
        return "convolution of " + shape;
    }
}
