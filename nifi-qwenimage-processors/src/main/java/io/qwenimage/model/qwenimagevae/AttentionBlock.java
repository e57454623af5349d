package io.qwenimage.model.qwenimagevae;

import io.qwenimage.backend.Activation;
import io.qwenimage.backend.Arena;
import io.qwenimage.backend.AttentionPattern;
import io.qwenimage.backend.Backend;
import io.qwenimage.nn.ChannelNorm;
import io.qwenimage.nn.Linear;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/** Attention of every pixel to every pixel with a single head, {@code QwenImageAttentionBlock} of diffusers. */
record AttentionBlock(Backend backend, ChannelNorm norm, List<Linear> toQkv, Linear proj) implements PictureLayer {
    static AttentionBlock load(final ModuleScope scope, final int channels) {
        return new AttentionBlock(scope.backend(), ChannelNorm.load(scope.sub("norm"), channels, 2),
                Linear.pointwiseParts(scope.sub("to_qkv"), channels, channels, 3),
                Linear.pointwise(scope.sub("proj"), channels, channels));
    }

    @Override
    public Tensor forward(final Arena arena, final Tensor x) {
        final long channels = x.shape().extent(-1);
        final long pixels = x.shape().rows();
        final Shape head = Shape.of(pixels, 1, channels);
        final Tensor flat = backend.slice(norm.forward(arena, x, Activation.NONE), 0, Shape.of(pixels, channels));
        final List<Tensor> qkv = new ArrayList<>();
        for (final Linear linear : toQkv) {
            qkv.add(backend.slice(linear.forward(arena, flat), 0, head)); // [H W, 1, C]
        }
        final float scale = (float) (1 / Math.sqrt(channels));
        final Tensor attended = backend.attention(arena, qkv.get(0), qkv.get(1), qkv.get(2), AttentionPattern.FULL,
                scale); // [H W, C]
        final Tensor identity = backend.slice(x, 0, Shape.of(pixels, channels));
        return backend.slice(proj.forward(arena, attended, identity), 0, x.shape()); // [H, W, C]
    }
}
