package io.qwenimage.model.qwenimagevae;

import io.qwenimage.backend.Activation;
import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.nn.ChannelNorm;
import io.qwenimage.nn.Convolution;
import io.qwenimage.nn.Linear;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;

/** From latents to a picture: {@code post_quant_conv} and {@code QwenImageDecoder3d} of diffusers, on one frame. */
public final class QwenImageDecoder {
    private static final int KERNEL = 3;

    private final Backend backend;
    private final QwenImageVaeConfig config;
    private final Linear postQuantConv;
    private final PictureLayers layers = new PictureLayers();
    private final ChannelNorm normOut;
    private final Convolution convOut;

    /**
     * Loads the decoder's weights; they belong to the arena of the scope.
     *
     * @param root the root of the autoencoder's checkpoint
     */
    public QwenImageDecoder(final ModuleScope root, final QwenImageVaeConfig config) {
        this.backend = root.backend();
        this.config = config;
        postQuantConv = Pointwise.load(root.sub("post_quant_conv"), config.zDim());
        final ModuleScope scope = root.sub("decoder");
        final int[] multiples = config.dimMult();
        final int last = multiples.length - 1;
        int channels = config.baseDim() * multiples[last];
        final Convolution convIn = Convolution.loadCausal(scope.sub("conv_in"), config.zDim(), channels, KERNEL);
        layers.add("conv_in", convIn::forward);
        layers.addMidBlock(scope.sub("mid_block"), channels);
        for (int level = 0; level <= last; level++) {
            final ModuleScope upBlock = scope.sub("up_blocks").sub(level);
            final String path = "up_blocks." + level;
            final int out = config.baseDim() * multiples[last - level];
            for (int i = 0; i <= config.numResBlocks(); i++) {
                final ResidualBlock block = ResidualBlock.load(upBlock.sub("resnets").sub(i), channels, out);
                final boolean ends = level == last && i == config.numResBlocks();
                layers.add(ends ? path : path + ".resnets." + i, block);
                channels = out;
            }
            if (level < last) {
                layers.add(path, Resample.up(upBlock.sub("upsamplers.0"), channels));
                channels /= 2;
            }
        }
        normOut = ChannelNorm.load(scope.sub("norm_out"), channels, 3);
        convOut = Convolution.loadCausal(scope.sub("conv_out"), channels, config.inputChannels(), KERNEL);
    }

    /**
     * Decodes latents.
     *
     * @param arena   the owner of the result
     * @param latents [z_dim, h, w], denormalised, F32
     * @return [8 h, 8 w, 3], in -1 to 1 but for overshoot
     */
    public Tensor forward(final Arena arena, final HostTensor latents, final Cancellation cancellation,
            final LayerObserver observer) {
        try (Arena scratch = arena.open("decoder")) {
            final long height = latents.shape().extent(1);
            final long width = latents.shape().extent(2);
            final Tensor pixels = backend.upload(scratch, ChannelOrder.channelsLast(latents));
            final Tensor flat = backend.slice(pixels, 0, Shape.of(height * width, config.zDim()));
            final Tensor z = backend.slice(postQuantConv.forward(scratch, flat), 0,
                    Shape.of(height, width, config.zDim())); // [h, w, z_dim]
            observer.onLayer("post_quant_conv", z);
            final Tensor hidden = layers.forward(scratch, z, cancellation, observer); // [8 h, 8 w, C]
            final Tensor activated = normOut.forward(scratch, hidden, Activation.SILU);
            return scratch.keep(convOut.forward(scratch, activated)); // [8 h, 8 w, 3]
        }
    }
}
