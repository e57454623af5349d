package io.qwenimage.backend.cuda;

import io.qwenimage.backend.Require;
import io.qwenimage.kernels.driver.CudaStream;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.Arrays;

/** Copies within the device. */
final class Copies {
    private final CudaStream stream;

    /** Puts all work on a stream. */
    Copies(final CudaStream stream) {
        this.stream = stream;
    }

    /** The shape of tensors one after the other; refuses those that do not fit together. */
    static Shape together(final Tensor... parts) {
        Require.that(parts.length > 0, "nothing to concatenate");
        final CudaTensor first = Operands.own(parts[0], "part");
        long length = 0;
        for (final Tensor part : parts) {
            final CudaTensor own = Operands.own(part, "part");
            Require.that(Require.inner(own).equals(Require.inner(first)) && own.dtype() == first.dtype(),
                    "parts %s do not fit together", Arrays.toString(parts));
            length += own.shape().extent(0);
        }
        final long[] extents = first.shape().toArray();
        extents[0] = length;
        return Shape.of(extents);
    }

    /** Copies tensors one after the other. */
    void concat(final CudaTensor result, final Tensor... parts) {
        long place = 0;
        for (final Tensor part : parts) {
            copy((CudaTensor) part, result, place);
            place += ((CudaTensor) part).bytes();
        }
    }

    /** Copies rows to rows of a target. */
    void store(final CudaTensor target, final long row, final CudaTensor rows) {
        Require.that(Require.inner(target).equals(Require.inner(rows)) && target.dtype() == rows.dtype(),
                "rows %s do not fit into %s", rows, target);
        Require.that(row >= 0 && row + rows.shape().extent(0) <= target.shape().extent(0),
                "%s rows at row %s lie outside %s", rows.shape().extent(0), row, target);
        copy(rows, target, row * Require.inner(target).elements() * target.dtype().bytes());
    }

    /** Copies all elements into a tensor of the same shape and type. */
    void copy(final CudaTensor source, final CudaTensor target) {
        Require.that(source.shape().equals(target.shape()) && source.dtype() == target.dtype(),
                "%s cannot be copied to %s", source, target);
        copy(source, target, 0);
    }

    private void copy(final CudaTensor source, final CudaTensor target, final long bytesFromItsBeginning) {
        if (source.bytes() > 0) {
            source.address();
            stream.copy(source.storage().buffer(), source.offset(), target.storage().buffer(),
                    target.offset() + bytesFromItsBeginning, source.bytes());
        }
    }
}
