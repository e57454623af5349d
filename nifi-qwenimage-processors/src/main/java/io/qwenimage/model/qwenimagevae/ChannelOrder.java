package io.qwenimage.model.qwenimagevae;

import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;

/** Moves the channel axis between the reference's order and ours. */
final class ChannelOrder {
    private ChannelOrder() {
    }

    /** [C, H, W] to [H, W, C]. */
    static HostTensor channelsLast(final HostTensor picture) {
        final int channels = picture.shape().intExtent(0);
        final int pixels = Math.toIntExact(picture.shape().elements() / channels);
        return HostTensor.ofFloats(Shape.of(picture.shape().extent(1), picture.shape().extent(2), channels),
                transposed(picture.toFloats(), channels, pixels));
    }

    /** [H, W, C] to [C, H, W]. */
    static HostTensor channelsFirst(final HostTensor picture) {
        final int channels = picture.shape().intExtent(2);
        final int pixels = Math.toIntExact(picture.shape().elements() / channels);
        return HostTensor.ofFloats(Shape.of(channels, picture.shape().extent(0), picture.shape().extent(1)),
                transposed(picture.toFloats(), pixels, channels));
    }

    private static float[] transposed(final float[] values, final int rows, final int columns) {
        final float[] result = new float[values.length];
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                result[column * rows + row] = values[row * columns + column];
            }
        }
        return result;
    }
}
