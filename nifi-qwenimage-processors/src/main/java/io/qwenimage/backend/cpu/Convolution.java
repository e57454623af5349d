package io.qwenimage.backend.cpu;

import io.qwenimage.backend.Padding;
import io.qwenimage.backend.cpu.ConvolutionShape.Kernel;
import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import java.nio.ByteBuffer;

/**
 * Two-dimensional convolutions of channels-last pictures. Workers take bands of output rows, whose input rows lie
 * together in memory. With split arithmetic the picture is the sum of two BF16 pictures, as in {@link Linear}.
 *
 * <p>Weights are kept in oneDNN's layout if that takes no more memory than they do in the file, else as they are
 * stored, and are widened and packed at each use, which takes a few percent of the convolution's time.
 */
final class Convolution {
    private static final int SMALLEST_BAND = 4;
    private static final int BANDS_PER_WORKER = 4;
    private static final int SPLIT_CHUNK = 1 << 14;

    private final WorkerPool workers;
    private final boolean split;

    /**
     * The convolutions of one backend.
     *
     * @param split whether to use split arithmetic where weights are BF16
     */
    Convolution(final WorkerPool workers, final boolean split) {
        this.workers = workers;
        this.split = split;
    }

    /** Takes a stored kernel [out, in, kh, kw] over into an arena. */
    ConvolutionWeight prepare(final CpuArena arena, final HostTensor weight) {
        final ByteBuffer bytes = NativeCopies.direct(weight.bytes());
        final long from = NativeCopies.addressOf(bytes);
        final DType dtype = weight.dtype();
        final ConvolutionWeight prepared;
        if (dtype == computedAs(dtype)) {
            prepared = new ConvolutionWeight(weight.shape(), dtype,
                    packed(arena, kernel(weight.shape(), 1, dtype), from, true), true);
        } else {
            final long size = weight.shape().elements() * dtype.bytes();
            final Storage storage = arena.storage(size, true);
            NativeCopies.copy(workers, from, storage.address(), size);
            prepared = new ConvolutionWeight(weight.shape(), dtype, storage, false);
        }
        NativeCopies.keepAlive(bytes);
        return prepared;
    }

    /**
     * x * weight + bias + residual.
     *
     * @param arena    for the result and scratch memory
     * @param bias     or null
     * @param residual or null
     */
    CpuTensor run(final CpuArena arena, final CpuTensor x, final ConvolutionWeight weight, final CpuTensor bias,
            final int stride, final Padding padding, final CpuTensor residual) {
        final DType dtype = computedAs(weight.dtype());
        final ConvolutionShape whole = new ConvolutionShape(kernel(weight.shape(), stride, dtype),
                x.shape().extent(0), x.shape().extent(1), padding.top(), padding.bottom(), padding.left(),
                padding.right(), bias != null, false, residual != null);
        final CpuTensor result = arena.allocate(DType.F32,
                Shape.of(whole.outputHeight(), whole.outputWidth(), whole.kernel().out()));
        if (residual != null && !residual.shape().equals(result.shape())) {
            throw new IllegalArgumentException("residual " + residual + " does not fit the result " + result);
        }
        final CpuArena scratch = (CpuArena) arena.open("convolution");
        try {
            final long weights = weights(scratch, weight, whole.kernel());
            final long source = dtype == DType.F32 ? x.address() : splitPicture(scratch, x);
            runBands(new Picture(whole, source, x.shape().elements(), weights, bias == null ? 0 : bias.address(),
                    residual == null ? 0 : residual.address(), result.address()));
        } finally {
            scratch.close();
        }
        return result;
    }

    private long weights(final CpuArena scratch, final ConvolutionWeight weight, final Kernel kernel) {
        if (weight.packed() && kernel.stride() == 1) {
            return weight.storage().address();
        }
        if (weight.packed()) {
            final Kernel stored = kernel(weight.shape(), 1, kernel.dtype());
            final long[] sizes = packedBytes(kernel);
            final Storage repacked = scratch.storage(sizes[0], false);
            workers.run(1, (worker, item) -> {
                try (Call call = Repacking.of(worker, stored.packedLayout(worker), kernel.packedLayout(worker))) {
                    call.run(worker, weight.storage().address(), repacked.address());
                }
            });
            return repacked.address();
        }
        final long elements = weight.shape().elements();
        final Storage widened = scratch.storage(elements * Float.BYTES, false);
        workers.runRows(elements, SPLIT_CHUNK, (worker, first, end) -> NativeCopies.widen(worker,
                weight.storage().address() + first * weight.dtype().bytes(), weight.dtype(),
                widened.address() + first * Float.BYTES, end - first));
        return packed(scratch, kernel, widened.address(), false).address();
    }

    private Storage packed(final CpuArena arena, final Kernel kernel, final long from, final boolean weights) {
        final Storage storage = arena.storage(packedBytes(kernel)[0], weights);
        workers.run(1, (worker, item) -> worker.call(new Packing(kernel), key -> Repacking.of(worker,
                kernel.storedLayout(), kernel.packedLayout(worker))).run(worker, from, storage.address()));
        return storage;
    }

    private long[] packedBytes(final Kernel kernel) {
        final long[] bytes = new long[1];
        workers.run(1, (worker, item) -> {
            try (org.bytedeco.dnnl.memory.desc layout = kernel.packedLayout(worker)) {
                bytes[0] = layout.get_size();
            }
        });
        return bytes;
    }

    private long splitPicture(final CpuArena scratch, final CpuTensor x) {
        final long elements = x.shape().elements();
        final long parts = scratch.storage(2 * elements * Short.BYTES, false).address();
        final int chunks = (int) ((elements + SPLIT_CHUNK - 1) / SPLIT_CHUNK);
        workers.runRows(chunks, 1, (worker, first, end) -> {
            for (long chunk = first; chunk < end; chunk++) {
                final long start = chunk * SPLIT_CHUNK;
                Linear.split(worker, x.address(start), parts + start * Short.BYTES,
                        parts + (elements + start) * Short.BYTES, (int) Math.min(SPLIT_CHUNK, elements - start));
            }
        });
        return parts;
    }

    private void runBands(final Picture picture) {
        final ConvolutionShape whole = picture.shape;
        final long rows = whole.outputHeight();
        final long bands = Math.max(1, Math.min(rows / SMALLEST_BAND, (long) BANDS_PER_WORKER * workers.size()));
        final long height = (rows + bands - 1) / bands;
        workers.run((int) ((rows + height - 1) / height), (worker, item) ->
                runBand(worker, picture, item * height, Math.min(rows, (item + 1) * height)));
    }

    private static void runBand(final Worker worker, final Picture picture, final long first, final long end) {
        final ConvolutionShape whole = picture.shape;
        final Kernel kernel = whole.kernel();
        final long start = first * kernel.stride() - whole.top();
        final long stop = (end - 1) * kernel.stride() - whole.top() + kernel.height();
        final long top = Math.max(0, -start);
        final long bottom = Math.max(0, stop - whole.height());
        final long height = stop - start - top - bottom;
        final long source = picture.source
                + Math.max(0, start) * whole.width() * kernel.in() * kernel.dtype().bytes();
        final long place = first * whole.outputWidth() * kernel.out() * Float.BYTES;
        if (kernel.dtype() == DType.F32) {
            execute(worker, band(whole, height, top, bottom, whole.bias(), false, whole.residual()), picture, source,
                    place);
            return;
        }
        execute(worker, band(whole, height, top, bottom, whole.bias(), false, false), picture, source, place);
        execute(worker, band(whole, height, top, bottom, false, true, whole.residual()), picture,
                source + picture.elements * Short.BYTES, place);
    }

    private static ConvolutionShape band(final ConvolutionShape whole, final long height, final long top,
            final long bottom, final boolean bias, final boolean accumulate, final boolean residual) {
        return new ConvolutionShape(whole.kernel(), height, whole.width(), top, bottom, whole.left(), whole.right(),
                bias, accumulate, residual);
    }

    private static void execute(final Worker worker, final ConvolutionShape band, final Picture picture,
            final long source, final long place) {
        final long[] addresses = new long[3 + (band.bias() ? 1 : 0) + (band.residual() ? 1 : 0)];
        addresses[0] = source;
        addresses[1] = picture.weights;
        addresses[2] = picture.result + place;
        if (band.bias()) {
            addresses[3] = picture.bias;
        }
        if (band.residual()) {
            addresses[addresses.length - 1] = picture.residual + place;
        }
        worker.call(band, key -> key.prepare(worker)).run(worker, addresses);
    }

    private DType computedAs(final DType stored) {
        return split && stored == DType.BF16 ? DType.BF16 : DType.F32;
    }

    private static Kernel kernel(final Shape shape, final long stride, final DType dtype) {
        return new Kernel(shape.extent(0), shape.extent(1), shape.extent(2), shape.extent(3), stride, dtype);
    }

    private record Packing(Kernel kernel) {
    }

    private record Picture(ConvolutionShape shape, long source, long elements, long weights, long bias,
            long residual, long result) {
    }
}
