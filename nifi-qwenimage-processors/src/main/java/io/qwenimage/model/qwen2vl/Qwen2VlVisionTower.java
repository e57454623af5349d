package io.qwenimage.model.qwen2vl;

import io.qwenimage.backend.Activation;
import io.qwenimage.backend.Arena;
import io.qwenimage.backend.AttentionPattern;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.backend.RotaryTable;
import io.qwenimage.model.vision.BlockSequence;
import io.qwenimage.model.vision.GeluMlp;
import io.qwenimage.model.vision.PatchEmbedding;
import io.qwenimage.model.vision.Pictures;
import io.qwenimage.model.vision.VisionBlock;
import io.qwenimage.model.vision.VisionGrid;
import io.qwenimage.model.vision.VisionRope;
import io.qwenimage.model.vision.VisionTower;
import io.qwenimage.nn.LayerNorm;
import io.qwenimage.nn.Linear;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/** The vision tower of Qwen2-VL: every patch sees its whole picture. {@code Qwen2VisionTransformerPretrainedModel}. */
public final class Qwen2VlVisionTower implements VisionTower {
    private final Backend backend;
    private final Qwen2VlVisionConfig config;
    private final VisionRope rope;
    private final Linear patchEmbed;
    private final List<VisionBlock> blocks = new ArrayList<>();
    private final LayerNorm mergerNorm;
    private final GeluMlp merger;

    /** Loads all weights; they belong to the arena of the scope. */
    public Qwen2VlVisionTower(final ModuleScope scope, final Qwen2VlVisionConfig config) {
        this.backend = scope.backend();
        this.config = config;
        final int width = config.embedDim();
        final int merged = width * config.patches().block();
        rope = new VisionRope(width / config.numHeads(), config.patches().mergeSize());
        patchEmbed = PatchEmbedding.load(scope.sub("patch_embed.proj"), config.patches(), width, false);
        final VisionBlock.Form form = new VisionBlock.Form(width, config.numHeads(), width * config.mlpRatio(),
                new String[] {"fc1", "fc2"}, Activation.QUICK_GELU, Qwen2VlVisionConfig.NORM_EPS);
        for (int i = 0; i < config.depth(); i++) {
            blocks.add(VisionBlock.load(scope.sub("blocks").sub(i), form));
        }
        mergerNorm = LayerNorm.load(scope.sub("merger.ln_q"), width, Qwen2VlVisionConfig.NORM_EPS);
        merger = GeluMlp.load(scope.sub("merger.mlp"), new String[] {"0", "2"}, merged, merged, config.hiddenSize(),
                Activation.GELU);
    }

    @Override
    public Features encode(final Arena arena, final HostTensor pixelValues, final List<VisionGrid> grids,
            final Cancellation cancellation, final BlockObserver observer) {
        Pictures.check(pixelValues, grids, config.patches());
        final AttentionPattern whole = Pictures.whole(grids);
        try (Arena scratch = arena.open("vision tower")) {
            final RotaryTable rotary = rope.table(backend, scratch, grids, null);
            final Tensor patches = patchEmbed.forward(scratch, backend.upload(scratch, pixelValues)); // [L, D]
            observer.onBlock("patch_embed", patches);
            final Tensor hidden = BlockSequence.run(scratch, blocks.size(), patches,
                    (block, i, x) -> blocks.get(i).forward(block, x, rotary, whole),
                    (i, x) -> observer.onBlock("blocks." + i, x), cancellation);
            final Tensor normed = mergerNorm.forward(scratch, hidden);
            final long block = config.patches().block();
            final Tensor merged = backend.slice(normed, 0, Shape.of(normed.shape().extent(0) / block,
                    block * normed.shape().extent(1))); // [L / block, block D]
            return new Features(scratch.keep(merger.forward(scratch, merged)), List.of());
        }
    }
}
