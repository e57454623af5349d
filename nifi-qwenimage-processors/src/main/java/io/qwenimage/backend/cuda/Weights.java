package io.qwenimage.backend.cuda;

import io.qwenimage.backend.Require;
import io.qwenimage.backend.WeightRole;
import io.qwenimage.kernels.PointwiseKernels;
import io.qwenimage.kernels.driver.CudaStream;
import io.qwenimage.kernels.driver.DeviceBuffer;
import io.qwenimage.kernels.driver.StagedUpload;
import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** What crosses the bus: weights once, activations of a request, and results back. */
final class Weights implements AutoCloseable {
    private static final int CONVOLUTION_RANK = 4;
    private static final int PIECES = 2;
    private static final int PIECE_BYTES = 16 << 20;
    /** What the driver copies through buffers of its own without waiting for the device. */
    private static final int DIRECT_BYTES = 64 << 10;

    private final CudaStream stream;
    private final DType activationType;
    private final Downloads downloads;
    private final PointwiseKernels casts;
    private StagedUpload staged;

    /** Copies on a stream; prepared weights have the activation type. */
    Weights(final CudaStream stream, final DType activationType) {
        this.stream = stream;
        this.activationType = activationType;
        downloads = new Downloads(stream);
        casts = new PointwiseKernels(stream.device());
    }

    /** Prepares a weight for its role. */
    Tensor prepare(final CudaArena arena, final HostTensor weight, final WeightRole role) {
        Require.that(weight.dtype().isFloating(), "a weight must hold real numbers, got %s", weight);
        if (role == WeightRole.VECTOR) {
            return upload(arena, weight, activationType, true);
        }
        final int rank = role == WeightRole.CONVOLUTION ? CONVOLUTION_RANK : 2;
        Require.that(weight.shape().rank() == rank && weight.shape().elements() > 0,
                "weight %s must have %s axes and elements", weight, rank);
        final HostTensor rows = role == WeightRole.CONVOLUTION ? channelsLast(weight) : weight;
        return new PreparedWeight(weight.shape(), role, upload(arena, rows, activationType, true));
    }

    /** Copies real numbers to the device as the wanted type. */
    CudaTensor upload(final CudaArena arena, final HostTensor values, final DType type, final boolean isWeight) {
        Require.that(values.dtype().isFloating(), "real numbers are wanted, got %s", values);
        final CudaTensor result = arena.allocate(type, values.shape(), isWeight);
        if (values.shape().elements() == 0) {
            return result;
        }
        if (values.dtype() == type) {
            copy(values, result);
            return result;
        }
        try (CudaArena scratch = arena.open("numbers of another type")) {
            final CudaTensor raw = scratch.allocate(values.dtype(), values.shape());
            copy(values, raw);
            casts.cast(stream, raw.view(), result.view());
        }
        return result;
    }

    private void copy(final HostTensor values, final CudaTensor target) {
        long place = 0;
        for (final HostTensor part : values.parts()) {
            upload(part.bytes(), target.storage().buffer(), target.offset() + place);
            place += part.shape().elements() * part.dtype().bytes();
        }
    }

    /** Copies bytes, which may change as soon as this returns; a mapped file is read only as fast as the bus takes it. */
    private void upload(final ByteBuffer bytes, final DeviceBuffer target, final long offset) {
        if (offset == 0 && bytes.remaining() <= DIRECT_BYTES) {
            stream.upload(bytes, target);
            return;
        }
        if (staged == null) {
            staged = new StagedUpload(stream, PIECE_BYTES, PIECES);
        }
        staged.upload(bytes, target, offset);
    }

    /** Copies integers to the device. */
    CudaTensor uploadInts(final CudaArena arena, final int... values) {
        final ByteBuffer bytes = ByteBuffer.allocateDirect(values.length * Integer.BYTES)
                .order(ByteOrder.nativeOrder());
        bytes.asIntBuffer().put(values);
        final CudaTensor result = arena.allocate(DType.I32, Shape.of(values.length));
        upload(bytes, result.storage().buffer(), 0);
        return result;
    }

    /** Copies the elements to the host and waits for them. */
    void download(final CudaTensor source, final ByteBuffer target) {
        if (source.bytes() == 0) {
            return;
        }
        source.address();
        downloads.fetch(source.storage().buffer(), source.offset(), target);
    }

    /** [out, in, height, width] to [out, height width in]. */
    private static HostTensor channelsLast(final HostTensor weight) {
        final int out = weight.shape().intExtent(0);
        final int in = weight.shape().intExtent(1);
        final int pixels = weight.shape().intExtent(2) * weight.shape().intExtent(3);
        final Shape shape = Shape.of(out, (long) pixels * in);
        if (pixels == 1) {
            return weight.reshape(shape.toArray());
        }
        final int size = weight.dtype().bytes();
        final ByteBuffer from = weight.bytes();
        final ByteBuffer to = ByteBuffer.allocateDirect(Math.toIntExact(shape.elements() * size))
                .order(ByteOrder.LITTLE_ENDIAN);
        for (int o = 0; o < out; o++) {
            for (int pixel = 0; pixel < pixels; pixel++) {
                for (int i = 0; i < in; i++) {
                    final int source = ((o * in + i) * pixels + pixel) * size;
                    switch (size) {
                        case Float.BYTES -> to.putInt(from.getInt(source));
                        case Short.BYTES -> to.putShort(from.getShort(source));
                        default -> to.put(from.get(source));
                    }
                }
            }
        }
        return new HostTensor(shape, weight.dtype(), to.flip());
    }

    @Override
    public void close() {
        if (staged != null) {
            staged.close();
        }
        downloads.close();
    }
}
