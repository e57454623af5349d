package io.qwenimage.model.qwen3vl;

import io.qwenimage.backend.Activation;
import io.qwenimage.backend.Arena;
import io.qwenimage.backend.AttentionPattern;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.backend.RotaryTable;
import io.qwenimage.model.vision.BlockSequence;
import io.qwenimage.model.vision.PatchEmbedding;
import io.qwenimage.model.vision.Pictures;
import io.qwenimage.model.vision.VisionBlock;
import io.qwenimage.model.vision.VisionGrid;
import io.qwenimage.model.vision.VisionRope;
import io.qwenimage.model.vision.VisionTower;
import io.qwenimage.nn.Linear;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/** The vision tower of Qwen3-VL, {@code Qwen3VLVisionModel} of transformers. */
public final class Qwen3VlVisionTower implements VisionTower {
    private final Backend backend;
    private final Qwen3VlVisionConfig config;
    private final VisionRope rope;
    private final Linear patchEmbed;
    private final LearnedPositions posEmbed;
    private final List<VisionBlock> blocks = new ArrayList<>();
    private final Qwen3VlMerger merger;
    private final List<Qwen3VlMerger> deepstackMergers = new ArrayList<>();

    /** Loads all weights; they belong to the arena of the scope. */
    public Qwen3VlVisionTower(final ModuleScope scope, final Qwen3VlVisionConfig config) {
        this.backend = scope.backend();
        this.config = config;
        final int width = config.hiddenSize();
        rope = new VisionRope(width / config.numHeads(), config.patches().mergeSize());
        patchEmbed = PatchEmbedding.load(scope.sub("patch_embed.proj"), config.patches(), width, true);
        posEmbed = new LearnedPositions(scope.sub("pos_embed").stored("weight",
                (long) config.positions() * config.positions(), width), config.positions());
        final VisionBlock.Form form = new VisionBlock.Form(width, config.numHeads(), config.intermediateSize(),
                new String[] {"linear_fc1", "linear_fc2"}, Activation.GELU_TANH, Qwen3VlVisionConfig.NORM_EPS);
        for (int i = 0; i < config.depth(); i++) {
            blocks.add(VisionBlock.load(scope.sub("blocks").sub(i), form));
        }
        merger = Qwen3VlMerger.load(scope.sub("merger"), config, false);
        for (int i = 0; i < config.deepstackIndexes().length; i++) {
            deepstackMergers.add(Qwen3VlMerger.load(scope.sub("deepstack_merger_list").sub(i), config, true));
        }
    }

    @Override
    public Features encode(final Arena arena, final HostTensor pixelValues, final List<VisionGrid> grids,
            final Cancellation cancellation, final BlockObserver observer) {
        Pictures.check(pixelValues, grids, config.patches());
        final AttentionPattern whole = Pictures.whole(grids);
        final List<Tensor> deepstack = new ArrayList<>();
        try (Arena scratch = arena.open("vision tower")) {
            final RotaryTable rotary = rope.table(backend, scratch, grids, null);
            final Tensor patches = patchEmbed.forward(scratch, backend.upload(scratch, pixelValues)); // [L, D]
            observer.onBlock("patch_embed", patches);
            final Tensor placed = backend.add(scratch, patches,
                    backend.upload(scratch, posEmbed.of(grids, rope))); // [L, D]
            final Tensor hidden = BlockSequence.run(scratch, blocks.size(), placed,
                    (block, i, x) -> blocks.get(i).forward(block, x, rotary, whole),
                    (i, x) -> {
                        observer.onBlock("blocks." + i, x);
                        takeFeatures(scratch, i, x, deepstack);
                    }, cancellation);
            return new Features(scratch.keep(merger.forward(scratch, hidden)), List.copyOf(deepstack));
        }
    }

    private void takeFeatures(final Arena scratch, final int block, final Tensor hidden,
            final List<Tensor> deepstack) {
        final int next = deepstack.size();
        if (next < config.deepstackIndexes().length && config.deepstackIndexes()[next] == block) {
            try (Arena merging = scratch.open("deepstack merger " + next)) {
                // Twice: from the merger's arena to the tower's, and from there to the caller's.
                deepstack.add(scratch.keep(merging.keep(deepstackMergers.get(next).forward(merging, hidden))));
            }
        }
    }
}
