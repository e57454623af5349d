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

/** From a picture to latents: {@code QwenImageEncoder3d} and {@code quant_conv} of diffusers, on one frame. */
public final class QwenImageEncoder {
    private static final int KERNEL = 3;

    private final Backend backend;
    private final QwenImageVaeConfig config;
    private final PictureLayers layers = new PictureLayers();
    private final ChannelNorm normOut;
    private final Convolution convOut;
    private final Linear quantConv;

    /**
     * Loads the encoder's weights; they belong to the arena of the scope.
     *
     * @param root the root of the autoencoder's checkpoint
     */
    public QwenImageEncoder(final ModuleScope root, final QwenImageVaeConfig config) {
        this.backend = root.backend();
        this.config = config;
        final ModuleScope scope = root.sub("encoder");
        int channels = config.baseDim();
        final Convolution convIn = Convolution.loadCausal(scope.sub("conv_in"), config.inputChannels(), channels,
                KERNEL);
        layers.add("conv_in", convIn::forward);
        int index = 0;
        double scale = 1;
        for (int level = 0; level < config.dimMult().length; level++) {
            final int out = config.baseDim() * config.dimMult()[level];
            for (int i = 0; i < config.numResBlocks(); i++) {
                layers.add("down_blocks." + index,
                        ResidualBlock.load(scope.sub("down_blocks").sub(index++), channels, out));
                if (hasAttention(scale)) {
                    layers.add("down_blocks." + index,
                            AttentionBlock.load(scope.sub("down_blocks").sub(index++), out));
                }
                channels = out;
            }
            if (level < config.levels()) {
                layers.add("down_blocks." + index, Resample.down(scope.sub("down_blocks").sub(index++), channels));
                scale /= 2;
            }
        }
        layers.addMidBlock(scope.sub("mid_block"), channels);
        normOut = ChannelNorm.load(scope.sub("norm_out"), channels, 3);
        convOut = Convolution.loadCausal(scope.sub("conv_out"), channels, 2 * config.zDim(), KERNEL);
        quantConv = Pointwise.load(root.sub("quant_conv"), 2 * config.zDim());
    }

    /**
     * Encodes a picture to the mode of its distribution.
     *
     * @param picture [3, 8 h, 8 w], in -1 to 1, F32
     * @return [z_dim, h, w], not yet normalised, F32
     */
    public HostTensor forward(final HostTensor picture, final Cancellation cancellation,
            final LayerObserver observer) {
        return firstChannels(moments(picture, cancellation, observer), config.zDim());
    }

    /**
     * Encodes a picture to its distribution.
     *
     * @param picture [3, 8 h, 8 w], in -1 to 1, F32
     * @return [2 z_dim, h, w], F32: the mean, not yet normalised, then the logarithm of the variance
     */
    public HostTensor moments(final HostTensor picture, final Cancellation cancellation,
            final LayerObserver observer) {
        try (Arena scratch = backend.openArena("encoder")) {
            final Tensor pixels = backend.upload(scratch, ChannelOrder.channelsLast(picture));
            final Tensor hidden = layers.forward(scratch, pixels, cancellation, observer); // [h, w, C]
            final Tensor activated = normOut.forward(scratch, hidden, Activation.SILU);
            final Tensor moments = convOut.forward(scratch, activated); // [h, w, 2 z_dim]
            final long height = moments.shape().extent(0);
            final long width = moments.shape().extent(1);
            final Tensor flat = backend.slice(moments, 0, Shape.of(height * width, 2L * config.zDim()));
            return ChannelOrder.channelsFirst(backend.download(
                    backend.slice(quantConv.forward(scratch, flat), 0, moments.shape())));
        }
    }

    private boolean hasAttention(final double scale) {
        for (final double attentionScale : config.attnScales()) {
            if (attentionScale == scale) {
                return true;
            }
        }
        return false;
    }

    private static HostTensor firstChannels(final HostTensor tensor, final int channels) {
        final long height = tensor.shape().extent(1);
        final long width = tensor.shape().extent(2);
        final int bytes = Math.toIntExact(channels * height * width * tensor.dtype().bytes());
        return new HostTensor(Shape.of(channels, height, width), tensor.dtype(), tensor.bytes().slice(0, bytes));
    }
}
