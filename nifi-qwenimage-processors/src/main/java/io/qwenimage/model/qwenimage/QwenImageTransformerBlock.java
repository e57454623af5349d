package io.qwenimage.model.qwenimage;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.GatedNorm;
import io.qwenimage.backend.JointSequences;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.tensor.Tensor;
import java.util.List;

/**
 * One block with two streams, {@code QwenImageTransformerBlock} of diffusers; Qwen-Image report, arXiv 2508.02324. It
 * takes its streams with the first norm's result, and leaves them with that of the norm which follows: a gated sum and
 * the norm after it are one operation.
 */
record QwenImageTransformerBlock(Backend backend, JointAttention attn, FeedForward imgMlp, FeedForward txtMlp) {
    /** Both streams, each with what the next layer reads of it: image [L_image, D] and text [L_text, D]. */
    record Streams(GatedNorm image, GatedNorm text) {
    }

    /**
     * What the time gives to a block and to the norms that follow it.
     *
     * @param nextImage of the next block, or {@code norm_out}
     * @param nextText  of the next block; null after the last one
     */
    record Time(Modulation.Halves image, Modulation.Halves text, Modulation.Norm nextImage,
            Modulation.Norm nextText) {
    }

    /** Loads all but {@code img_mod} and {@code txt_mod}, which are read once for all steps: {@link TimeModulations}. */
    static QwenImageTransformerBlock load(final ModuleScope scope, final QwenImageConfig config) {
        final int width = config.innerDim();
        return new QwenImageTransformerBlock(scope.backend(),
                JointAttention.load(scope.sub("attn"), config),
                FeedForward.load(scope.sub("img_mlp"), width),
                FeedForward.load(scope.sub("txt_mlp"), width));
    }

    /**
     * Attention over both streams, then a feed-forward layer on each.
     *
     * @param sequences where text and pictures of each begin
     */
    Streams forward(final Arena arena, final Streams streams, final Time time, final JointRope rope,
            final JointSequences sequences) {
        final Tensor attended = attn.forward(arena, streams.image().normed(), streams.text().normed(), rope, sequences);
        final Streams between = summed(arena,
                time.image().afterAttention(streams.image().sum(), attn.image(arena, attended, sequences)),
                time.text().afterAttention(streams.text().sum(), attn.text(arena, attended, sequences)));

        final Tensor image = imgMlp.forward(arena, between.image().normed()); // [L_image, D]
        final Tensor text = txtMlp.forward(arena, between.text().normed()); // [L_text, D]
        return summed(arena, time.image().afterFeedForward(between.image().sum(), image, time.nextImage()),
                time.text().afterFeedForward(between.text().sum(), text, time.nextText()));
    }

    /** The last block: nothing reads the text after it, which gives keys and values only. */
    GatedNorm last(final Arena arena, final Streams streams, final Time time, final JointRope rope,
            final JointSequences sequences) {
        final Tensor attended = attn.forward(arena, streams.image().normed(), streams.text().normed(), rope, sequences);
        final GatedNorm between = summed(arena,
                time.image().afterAttention(streams.image().sum(), attn.image(arena, attended, sequences)));

        final Tensor image = imgMlp.forward(arena, between.normed()); // [L_image, D]
        return summed(arena, time.image().afterFeedForward(between.sum(), image, time.nextImage()));
    }

    private Streams summed(final Arena arena, final GatedNorm.Stream image, final GatedNorm.Stream text) {
        final List<GatedNorm> both = backend.gatedAddAdaLayerNorm(arena, QwenImageConfig.NORM_EPS, image, text);
        return new Streams(both.getFirst(), both.getLast());
    }

    private GatedNorm summed(final Arena arena, final GatedNorm.Stream image) {
        return backend.gatedAddAdaLayerNorm(arena, QwenImageConfig.NORM_EPS, image).getFirst();
    }
}
