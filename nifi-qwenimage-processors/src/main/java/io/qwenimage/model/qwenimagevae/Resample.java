package io.qwenimage.model.qwenimagevae;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Padding;
import io.qwenimage.nn.Convolution;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.tensor.Tensor;

/**
 * Halves or doubles height and width, {@code QwenImageResample} of diffusers. Its {@code time_conv} acts from the
 * second frame on and is not loaded.
 */
record Resample(Backend backend, Convolution convolution, boolean upwards) implements PictureLayer {
    private static final int KERNEL = 3;
    private static final Padding RIGHT_AND_BOTTOM = new Padding(0, 1, 0, 1);

    static Resample up(final ModuleScope scope, final int channels) {
        return new Resample(scope.backend(), Convolution.load(scope.sub("resample.1"), channels, channels / 2, KERNEL,
                1, Padding.of(1)), true);
    }

    static Resample down(final ModuleScope scope, final int channels) {
        return new Resample(scope.backend(), Convolution.load(scope.sub("resample.1"), channels, channels, KERNEL, 2,
                RIGHT_AND_BOTTOM), false);
    }

    @Override
    public Tensor forward(final Arena arena, final Tensor x) {
        return convolution.forward(arena, upwards ? backend.upsampleNearest(arena, x) : x);
    }
}
