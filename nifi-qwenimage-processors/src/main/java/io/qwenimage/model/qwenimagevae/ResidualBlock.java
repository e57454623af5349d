package io.qwenimage.model.qwenimagevae;

import io.qwenimage.backend.Activation;
import io.qwenimage.backend.Arena;
import io.qwenimage.nn.ChannelNorm;
import io.qwenimage.nn.Convolution;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.tensor.Tensor;

/** Two convolutions behind norms, {@code QwenImageResidualBlock} of diffusers; no shortcut where widths agree. */
record ResidualBlock(ChannelNorm norm1, Convolution conv1, ChannelNorm norm2, Convolution conv2,
        Convolution convShortcut) implements PictureLayer {
    private static final int KERNEL = 3;

    static ResidualBlock load(final ModuleScope scope, final int in, final int out) {
        return new ResidualBlock(
                ChannelNorm.load(scope.sub("norm1"), in, 3),
                Convolution.loadCausal(scope.sub("conv1"), in, out, KERNEL),
                ChannelNorm.load(scope.sub("norm2"), out, 3),
                Convolution.loadCausal(scope.sub("conv2"), out, out, KERNEL),
                in == out ? null : Convolution.loadCausal(scope.sub("conv_shortcut"), in, out, 1));
    }

    @Override
    public Tensor forward(final Arena arena, final Tensor x) {
        final Tensor residual = convShortcut == null ? x : convShortcut.forward(arena, x); // [H, W, out]
        final Tensor hidden = conv1.forward(arena, norm1.forward(arena, x, Activation.SILU)); // [H, W, out]
        return conv2.forward(arena, norm2.forward(arena, hidden, Activation.SILU), residual); // [H, W, out]
    }
}
