package io.qwenimage.model.qwenimage;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.JointSequences;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.tensor.Tensor;
import java.util.List;

/** One block with two streams, {@code QwenImageTransformerBlock} of diffusers; Qwen-Image report, arXiv 2508.02324. */
record QwenImageTransformerBlock(Modulation imgMod, JointAttention attn, FeedForward imgMlp, Modulation txtMod,
        FeedForward txtMlp) {
    /** Both streams. */
    record Streams(Tensor image, Tensor text) {
    }

    /** When the tokens of both streams stand. */
    record Times(List<TimeSpan> image, List<TimeSpan> text) {
    }

    static QwenImageTransformerBlock load(final ModuleScope scope, final QwenImageConfig config) {
        final int width = config.innerDim();
        return new QwenImageTransformerBlock(
                Modulation.load(scope.sub("img_mod"), width),
                JointAttention.load(scope.sub("attn"), config),
                FeedForward.load(scope.sub("img_mlp"), width),
                Modulation.load(scope.sub("txt_mod"), width),
                FeedForward.load(scope.sub("txt_mlp"), width));
    }

    /**
     * Attention over both streams, then a feed-forward layer on each.
     *
     * @param streams   image [L_image, D] and text [L_text, D]
     * @param times     of the tokens of both streams
     * @param sequences where text and pictures of each begin
     */
    Streams forward(final Arena arena, final Streams streams, final Times times, final JointRope rope,
            final JointSequences sequences) {
        final Modulation.Half[] img = imgMod.forward(arena, times.image());
        final Modulation.Half[] txt = txtMod.forward(arena, times.text());

        final JointAttention.Output attended = attn.forward(arena,
                img[0].normed(arena, streams.image()), txt[0].normed(arena, streams.text()), rope,
                sequences);
        final Tensor image = img[0].gatedAdd(arena, streams.image(), attended.image());
        final Tensor text = txt[0].gatedAdd(arena, streams.text(), attended.text());

        final Tensor imageOut = imgMlp.forward(arena, img[1].normed(arena, image));
        final Tensor textOut = txtMlp.forward(arena, txt[1].normed(arena, text));
        return new Streams(img[1].gatedAdd(arena, image, imageOut), // [L_image, D]
                txt[1].gatedAdd(arena, text, textOut)); // [L_text, D]
    }
}
