package io.qwenimage.backend.cpu;

import io.qwenimage.backend.Padding;
import io.qwenimage.backend.Require;
import io.qwenimage.backend.cpu.ConvolutionShape.Kernel;
import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import java.nio.ByteBuffer;
import org.bytedeco.dnnl.memory;

/**
 * Two-dimensional convolutions of channels-last pictures. Workers take bands of output rows, whose input rows lie
 * together in memory. With split arithmetic a band is the sum of two BF16 bands, as in {@link Linear}.
 *
 * <p>Weights stay in memory as they are stored and are packed at each use: the layout that oneDNN wants depends on the
 * size of the picture, with another one it falls back to a kernel a thousand times slower, and packing takes a few
 * percent of the convolution's time.
 */
final class Convolution {
    private static final int SMALLEST_BAND = 4;
    private static final int BANDS_PER_WORKER = 4;
    private static final int CHUNK = 1 << 14;
    private static final int WEIGHT_SLOT = 1;
    private static final int PARTS_SLOT = 2;
    // Both parts of a band's input stay in a cache of 2 MiB.
    private static final long ELEMENTS_OF_A_BAND = 1L << 19;

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
        final long size = weight.shape().elements() * weight.dtype().bytes();
        final Storage storage = arena.storage(size, true);
        NativeCopies.copy(workers, NativeCopies.addressOf(bytes), storage.address(), size);
        NativeCopies.keepAlive(bytes);
        return new ConvolutionWeight(weight.shape(), weight.dtype(), storage);
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
        final DType dtype = split && weight.dtype() == DType.BF16 ? DType.BF16 : DType.F32;
        final Shape extents = weight.shape();
        final Kernel kernel = new Kernel(extents.extent(0), extents.extent(1), extents.extent(2), extents.extent(3),
                stride, dtype);
        final ConvolutionShape whole = new ConvolutionShape(kernel, x.shape().extent(0), x.shape().extent(1),
                padding.top(), padding.bottom(), padding.left(), padding.right(), bias != null, false,
                residual != null);
        final CpuTensor result = arena.allocate(DType.F32,
                Shape.of(whole.outputHeight(), whole.outputWidth(), kernel.out()));
        Require.that(residual == null || residual.shape().equals(result.shape()),
                "residual %s does not fit the result %s", residual, result);
        try (CpuArena scratch = arena.open("convolution")) {
            final Bands bands = bands(whole);
            final ConvolutionShape lead = band(whole, bands, bands.count / 2).plain();
            final long stored = widened(scratch, weight, dtype);
            final long packed = scratch.storage(packedBytes(lead), false).address();
            workers.run(1, (worker, item) -> packing(worker, lead).run(worker, stored, packed));
            final Picture picture = new Picture(whole, lead, x.address(), stored, packed,
                    bias == null ? 0 : bias.address(), residual == null ? 0 : residual.address(), result.address());
            workers.run(bands.count, (worker, item) -> runBand(worker, picture, bands, item));
        }
        return result;
    }

    private long widened(final CpuArena scratch, final ConvolutionWeight weight, final DType dtype) {
        if (weight.dtype() == dtype) {
            return weight.storage().address();
        }
        final long from = weight.storage().address();
        final long elements = weight.shape().elements();
        final long to = scratch.storage(elements * Float.BYTES, false).address();
        workers.runRows(elements, CHUNK, (worker, first, end) -> NativeCopies.widen(worker,
                from + first * weight.dtype().bytes(), weight.dtype(), to + first * Float.BYTES, end - first));
        return to;
    }

    private long packedBytes(final ConvolutionShape lead) {
        final long[] bytes = new long[1];
        workers.run(1, (worker, item) -> bytes[0] = packing(worker, lead).bytes(1));
        return bytes[0];
    }

    private static void runBand(final Worker worker, final Picture picture, final Bands bands, final int item) {
        final ConvolutionShape whole = picture.whole;
        final Kernel kernel = whole.kernel();
        final ConvolutionShape band = band(whole, bands, item);
        final long start = item * bands.height * kernel.stride() - whole.top();
        final long source = picture.source + Math.max(0, start) * whole.width() * kernel.in() * Float.BYTES;
        final long place = item * bands.height * whole.outputWidth() * kernel.out() * Float.BYTES;
        if (kernel.dtype() == DType.F32) {
            execute(worker, band, picture, source, place);
            return;
        }
        final long elements = band.height() * band.width() * kernel.in();
        final long upper = worker.scratch(PARTS_SLOT, 2 * elements * Short.BYTES);
        final long lower = upper + elements * Short.BYTES;
        for (long at = 0; at < elements; at += CHUNK) {
            Linear.split(worker, source + at * Float.BYTES, upper + at * Short.BYTES, lower + at * Short.BYTES,
                    (int) Math.min(CHUNK, elements - at));
        }
        execute(worker, band.with(whole.bias(), false, false), picture, upper, place);
        execute(worker, band.with(false, true, whole.residual()), picture, lower, place);
    }

    private static void execute(final Worker worker, final ConvolutionShape band, final Picture picture,
            final long source, final long place) {
        final long[] addresses = new long[3 + (band.bias() ? 1 : 0) + (band.residual() ? 1 : 0)];
        addresses[0] = source;
        addresses[1] = picture.packed;
        addresses[2] = picture.result + place;
        if (band.bias()) {
            addresses[3] = picture.bias;
        }
        if (band.residual()) {
            addresses[addresses.length - 1] = picture.residual + place;
        }
        final Call call = worker.call(new PackedFor(band, picture.lead), key -> key.prepare(worker));
        if (!call.implementation().startsWith("ref")) {
            call.run(worker, addresses);
            return;
        }
        // The first or last band wants another layout than the one in the middle.
        final Call packing = packing(worker, band.plain());
        addresses[1] = worker.scratch(WEIGHT_SLOT, packing.bytes(1));
        packing.run(worker, picture.stored, addresses[1]);
        worker.call(new PackedFor(band, band.plain()), key -> key.prepare(worker)).run(worker, addresses);
    }

    private Bands bands(final ConvolutionShape whole) {
        final long rows = whole.outputHeight();
        final long inRow = whole.width() * whole.kernel().in() * whole.kernel().stride();
        final long cached = ELEMENTS_OF_A_BAND / inRow;
        final long shared = rows / ((long) BANDS_PER_WORKER * workers.size());
        final long height = Math.clamp(Math.min(cached, shared), Math.min(SMALLEST_BAND, rows), rows);
        return new Bands((int) ((rows + height - 1) / height), height);
    }

    private static ConvolutionShape band(final ConvolutionShape whole, final Bands bands, final int item) {
        final Kernel kernel = whole.kernel();
        final long first = item * bands.height;
        final long end = Math.min(whole.outputHeight(), first + bands.height);
        final long start = first * kernel.stride() - whole.top();
        final long stop = (end - 1) * kernel.stride() - whole.top() + kernel.height();
        final long top = Math.max(0, -start);
        final long bottom = Math.max(0, stop - whole.height());
        return new ConvolutionShape(kernel, stop - start - top - bottom, whole.width(), top, bottom, whole.left(),
                whole.right(), whole.bias(), whole.accumulate(), whole.residual());
    }

    private static Call packing(final Worker worker, final ConvolutionShape lead) {
        return worker.call(new Packing(lead), key -> Repacking.of(worker, key.lead.kernel().storedLayout(),
                key.lead.chosenLayout(worker)));
    }

    /** Packs stored weights as a band wants them. */
    private record Packing(ConvolutionShape lead) {
    }

    /** A band with weights packed as another one wants them. */
    private record PackedFor(ConvolutionShape band, ConvolutionShape lead) {
        Call prepare(final Worker worker) {
            try (memory.desc layout = lead.chosenLayout(worker)) {
                return band.prepare(worker, layout);
            }
        }
    }

    private record Bands(int count, long height) {
    }

    private record Picture(ConvolutionShape whole, ConvolutionShape lead, long source, long stored, long packed,
            long bias, long residual, long result) {
    }
}
