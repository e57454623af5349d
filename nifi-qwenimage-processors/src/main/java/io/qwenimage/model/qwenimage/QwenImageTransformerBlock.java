package io.qwenimage.model.qwenimage;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.JointSequences;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.tensor.Tensor;

/** One block with two streams, {@code QwenImageTransformerBlock} of diffusers; Qwen-Image report, arXiv 2508.02324. */
record QwenImageTransformerBlock(JointAttention attn, FeedForward imgMlp, FeedForward txtMlp) {
    /** Both streams. */
    record Streams(Tensor image, Tensor text) {
    }

    /** Loads all but {@code img_mod} and {@code txt_mod}, which are read once for all steps: {@link TimeModulations}. */
    static QwenImageTransformerBlock load(final ModuleScope scope, final QwenImageConfig config) {
        final int width = config.innerDim();
        return new QwenImageTransformerBlock(
                JointAttention.load(scope.sub("attn"), config),
                FeedForward.load(scope.sub("img_mlp"), width),
                FeedForward.load(scope.sub("txt_mlp"), width));
    }

    /**
     * Attention over both streams, then a feed-forward layer on each.
     *
     * @param streams   image [L_image, D] and text [L_text, D]
     * @param img       what the time gives to the image stream
     * @param txt       the same for the text stream
     * @param sequences where text and pictures of each begin
     */
    Streams forward(final Arena arena, final Streams streams, final Modulation.Halves img, final Modulation.Halves txt,
            final JointRope rope, final JointSequences sequences) {
        final JointAttention.Output attended = attn.forward(arena,
                img.attention().normed(arena, streams.image()), txt.attention().normed(arena, streams.text()), rope, sequences);
        final Tensor image = img.attention().gatedAdd(arena, streams.image(), attended.image());
        final Tensor text = txt.attention().gatedAdd(arena, streams.text(), attended.text());

        final Tensor imageOut = imgMlp.forward(arena, img.feedForward().normed(arena, image));
        final Tensor textOut = txtMlp.forward(arena, txt.feedForward().normed(arena, text));
        return new Streams(img.feedForward().gatedAdd(arena, image, imageOut), // [L_image, D]
                txt.feedForward().gatedAdd(arena, text, textOut)); // [L_text, D]
    }
}
