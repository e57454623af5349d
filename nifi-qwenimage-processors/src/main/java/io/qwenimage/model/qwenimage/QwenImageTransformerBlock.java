package io.qwenimage.model.qwenimage;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.tensor.Tensor;

/** One block with two streams, {@code QwenImageTransformerBlock} of diffusers; Qwen-Image report, arXiv 2508.02324. */
record QwenImageTransformerBlock(Backend backend, Modulation imgMod, JointAttention attn, FeedForward imgMlp,
        Modulation txtMod, FeedForward txtMlp) {
    /** Both streams. */
    record Streams(Tensor image, Tensor text) {
    }

    static QwenImageTransformerBlock load(final ModuleScope scope, final QwenImageConfig config) {
        final int width = config.innerDim();
        return new QwenImageTransformerBlock(scope.backend(),
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
     * @param activated silu(temb), [1, D]
     */
    Streams forward(final Arena arena, final Streams streams, final Tensor activated, final JointRope rope) {
        final Modulation.Parameters[] img = imgMod.forward(arena, activated);
        final Modulation.Parameters[] txt = txtMod.forward(arena, activated);

        final JointAttention.Output attended = attn.forward(arena,
                modulated(arena, streams.image(), img[0]), modulated(arena, streams.text(), txt[0]), rope);
        final Tensor image = backend.gatedAdd(arena, streams.image(), attended.image(), img[0].gate());
        final Tensor text = backend.gatedAdd(arena, streams.text(), attended.text(), txt[0].gate());

        final Tensor imageOut = imgMlp.forward(arena, modulated(arena, image, img[1]));
        final Tensor textOut = txtMlp.forward(arena, modulated(arena, text, txt[1]));
        return new Streams(backend.gatedAdd(arena, image, imageOut, img[1].gate()), // [L_image, D]
                backend.gatedAdd(arena, text, textOut, txt[1].gate())); // [L_text, D]
    }

    private Tensor modulated(final Arena arena, final Tensor x, final Modulation.Parameters parameters) {
        return backend.adaLayerNorm(arena, x, parameters.shift(), parameters.scale(), QwenImageConfig.NORM_EPS);
    }
}
