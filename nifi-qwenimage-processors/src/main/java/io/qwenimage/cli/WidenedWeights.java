package io.qwenimage.cli;

import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.weights.WeightSource;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * The same weights as a checkpoint in F32 would hold.
 *
 * @param source of a narrower floating type; closed with this one
 */
record WidenedWeights(WeightSource source) implements WeightSource {
    private static final int PART_ROWS = 1024 * 16;

    @Override
    public Set<String> names() {
        return source.names();
    }

    @Override
    public Info info(final String name) {
        return new Info(DType.F32, source.info(name).shape());
    }

    @Override
    public HostTensor tensor(final String name) {
        final HostTensor stored = source.tensor(name);
        final long[] extents = stored.shape().toArray();
        if (extents.length != 2 || extents[0] <= PART_ROWS) {
            return HostTensor.ofFloats(stored.shape(), stored.toFloats());
        }
        final List<HostTensor> parts = new ArrayList<>();
        for (int first = 0; first < extents[0]; first += PART_ROWS) {
            parts.add(rows(stored, first, (int) Math.min(PART_ROWS, extents[0] - first)));
        }
        return HostTensor.ofParts(parts);
    }

    @Override
    public String origin() {
        return source.origin() + ", widened";
    }

    @Override
    public void close() {
        source.close();
    }

    private static HostTensor rows(final HostTensor stored, final int first, final int count) {
        final Shape shape = Shape.of(count, stored.shape().extent(1));
        final ByteBuffer bytes = ByteBuffer.allocateDirect(Math.toIntExact(shape.elements() * Float.BYTES))
                .order(ByteOrder.LITTLE_ENDIAN);
        for (int row = first; row < first + count; row++) {
            for (final float value : stored.row(row).toFloats()) {
                bytes.putFloat(value);
            }
        }
        return new HostTensor(shape, DType.F32, bytes.flip());
    }
}
