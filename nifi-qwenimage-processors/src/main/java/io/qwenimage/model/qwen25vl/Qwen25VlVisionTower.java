package io.qwenimage.model.qwen25vl;

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
import io.qwenimage.model.vision.VisionGrid;
import io.qwenimage.model.vision.VisionRope;
import io.qwenimage.model.vision.VisionTower;
import io.qwenimage.nn.Linear;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.nn.RmsNorm;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * The vision tower of Qwen2.5-VL, arXiv 2502.13923 section 2.1: most blocks attend within windows, so blocks of patches
 * are put in the order of windows first and back at the end. {@code Qwen2_5_VisionTransformerPretrainedModel}.
 */
public final class Qwen25VlVisionTower implements VisionTower {
    private final Backend backend;
    private final Qwen25VlVisionConfig config;
    private final VisionRope rope;
    private final Linear patchEmbed;
    private final List<Qwen25VlVisionBlock> blocks = new ArrayList<>();
    private final RmsNorm mergerNorm;
    private final GeluMlp merger;

    /** Loads all weights; they belong to the arena of the scope. */
    public Qwen25VlVisionTower(final ModuleScope scope, final Qwen25VlVisionConfig config) {
        this.backend = scope.backend();
        this.config = config;
        final int width = config.hiddenSize();
        final int merged = width * config.patches().block();
        rope = new VisionRope(width / config.numHeads(), config.patches().mergeSize());
        patchEmbed = PatchEmbedding.load(scope.sub("patch_embed.proj"), config.patches(), width, false);
        for (int i = 0; i < config.depth(); i++) {
            blocks.add(Qwen25VlVisionBlock.load(scope.sub("blocks").sub(i), config));
        }
        mergerNorm = RmsNorm.load(scope.sub("merger.ln_q"), width, Qwen25VlVisionConfig.NORM_EPS);
        merger = GeluMlp.load(scope.sub("merger.mlp"), new String[] {"0", "2"}, merged, merged,
                config.outHiddenSize(), Activation.GELU);
    }

    @Override
    public Features encode(final Arena arena, final HostTensor pixelValues, final List<VisionGrid> grids,
            final Cancellation cancellation, final BlockObserver observer) {
        Pictures.check(pixelValues, grids, config.patches());
        final WindowOrder windows = WindowOrder.of(grids, config.windowBlocks(), config.patches().mergeSize());
        final AttentionPattern whole = Pictures.whole(grids);
        try (Arena scratch = arena.open("vision tower")) {
            final RotaryTable rotary = rope.table(backend, scratch, grids, windows.order());
            final Tensor patches = patchEmbed.forward(scratch, backend.upload(scratch, pixelValues)); // [L, D]
            observer.onBlock("patch_embed", patches);
            final Tensor ordered = reordered(scratch, patches, windows.order()); // [L, D]
            final Tensor hidden = BlockSequence.run(scratch, blocks.size(), ordered, (block, i, x) ->
                    blocks.get(i).forward(block, x, rotary, config.seesAll(i) ? whole : windows.windows()),
                    (i, x) -> observer.onBlock("blocks." + i, x), cancellation);
            final Tensor normed = mergerNorm.forward(scratch, hidden);
            final Tensor merged = merger.forward(scratch, blockRows(normed)); // [L / block, D_out]
            return new Features(scratch.keep(backend.embedding(scratch, merged, windows.places())), List.of());
        }
    }

    /** Whole blocks of patches in another order. */
    private Tensor reordered(final Arena arena, final Tensor patches, final int[] order) {
        return backend.slice(backend.embedding(arena, blockRows(patches), order), 0, patches.shape());
    }

    /** [L, D] seen as [L / block, block D]. */
    private Tensor blockRows(final Tensor patches) {
        final long block = config.patches().block();
        return backend.slice(patches, 0, Shape.of(patches.shape().extent(0) / block,
                block * patches.shape().extent(1)));
    }
}
