package io.qwenimage.model.qwenimage;

import io.qwenimage.backend.Activation;
import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.backend.LayerPlan;
import io.qwenimage.backend.StreamedLayers;
import io.qwenimage.model.qwenimage.QwenImageTransformer2DModel.BlockObserver;
import io.qwenimage.nn.Linear;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.nn.TimestepSinusoid;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * What depends on the time alone: the timestep embedder, {@code img_mod} and {@code txt_mod} of all blocks and the linear
 * layer of {@code norm_out}, a third of the network's weights. Computed for several times at once, these weights are read
 * once for all of them.
 *
 * <p>The values of a time lie one after the other, for each block {@code img_mod} [6 D] and {@code txt_mod} [6 D], then
 * {@code norm_out} [2 D].
 */
final class TimeModulations {
    private final Backend backend;
    private final int width;
    private final Linear timestepLinear1;
    private final Linear timestepLinear2;
    private final List<Pair> blocks = new ArrayList<>();
    private final StreamedLayers blockWeights;
    private final Linear normOut;

    /** What a block has for both streams. */
    private record Pair(Modulation imgMod, Modulation txtMod) {
        static Pair load(final ModuleScope scope, final int width) {
            return new Pair(Modulation.load(scope.sub("img_mod"), width), Modulation.load(scope.sub("txt_mod"), width));
        }
    }

    /**
     * Loads the weights.
     *
     * @param plan which of the blocks' stay
     */
    TimeModulations(final ModuleScope scope, final QwenImageConfig config, final LayerPlan plan) {
        backend = scope.backend();
        width = config.innerDim();
        final ModuleScope embedder = scope.sub("time_text_embed.timestep_embedder");
        timestepLinear1 = Linear.load(embedder.sub("linear_1"), TimestepSinusoid.CHANNELS, width);
        timestepLinear2 = Linear.load(embedder.sub("linear_2"), width, width);
        blockWeights = scope.layers(plan);
        for (int i = 0; i < config.numLayers(); i++) {
            final ModuleScope block = scope.sub("transformer_blocks").sub(i);
            blocks.add(blockWeights.load(i, owner -> Pair.load(block.in(owner), width)));
        }
        normOut = Linear.load(scope.sub("norm_out.linear"), width, 2 * width);
    }

    /** How many values a time has. */
    long values() {
        return values(blocks.size(), width);
    }

    /** The same for a network of so many blocks. */
    static long values(final int blocks, final long width) {
        return (2L * blocks * Modulation.VECTORS + 2) * width;
    }

    /**
     * Computes the values of times.
     *
     * @param times    sigma, from 1 (noise) to 0
     * @param observer hears the times' embeddings, [times, D]
     * @return [times, values]
     */
    Tensor forward(final Arena arena, final float[] times, final Cancellation cancellation,
            final BlockObserver observer) {
        final Tensor result = arena.allocate(backend.activationType(), Shape.of(times.length, values()));
        try (Arena scratch = arena.open("timestep embedding"); StreamedLayers.Pass weights = blockWeights.begin()) {
            final Tensor hidden = timestepLinear1.forward(scratch, sinusoids(scratch, times), Activation.SILU);
            final Tensor temb = timestepLinear2.forward(scratch, hidden); // [times, D]
            observer.onBlock("time_text_embed", temb, null);
            final Tensor activated = backend.activate(scratch, temb, Activation.SILU);
            for (int block = 0; block < blocks.size(); block++) {
                cancellation.check();
                weights.layer(block);
                try (Arena modulation = scratch.open("modulation of block " + block)) {
                    backend.storeColumns(result, imagePlace(block),
                            blocks.get(block).imgMod().forward(modulation, activated));
                    backend.storeColumns(result, textPlace(block),
                            blocks.get(block).txtMod().forward(modulation, activated));
                }
            }
            backend.storeColumns(result, normOutPlace(), normOut.forward(scratch, activated));
        }
        return result;
    }

    /** What the first block gets of one time, [12 D], from its embedding, [1, D]; for measurement. */
    Tensor ofFirstBlock(final Arena arena, final Tensor temb) {
        final Tensor activated = backend.activate(arena, temb, Activation.SILU);
        try (StreamedLayers.Pass weights = blockWeights.begin()) {
            weights.layer(0);
            final Tensor both = backend.concat(arena, blocks.getFirst().imgMod().forward(arena, activated),
                    blocks.getFirst().txtMod().forward(arena, activated)); // [2, 6 D]
            return backend.slice(both, 0, Shape.of(both.shape().elements()));
        }
    }

    /** What the times give to a block and to the norms after it. */
    QwenImageTransformerBlock.Time ofBlock(final int block, final List<TimeSpan> image, final List<TimeSpan> text) {
        final boolean last = block == blocks.size() - 1;
        return new QwenImageTransformerBlock.Time(image(block, image), text(block, text),
                last ? normOut(image) : image(block + 1, image).attention().norm(),
                last ? null : text(block + 1, text).attention().norm());
    }

    /** What the picture's stream gets in a block. */
    Modulation.Halves image(final int block, final List<TimeSpan> spans) {
        return Modulation.Halves.of(backend, spans, imagePlace(block), width);
    }

    /** What the text's stream gets in a block. */
    Modulation.Halves text(final int block, final List<TimeSpan> spans) {
        return Modulation.Halves.of(backend, spans, textPlace(block), width);
    }

    /**
     * The norm after the last block, {@code norm_out}: scale first, unlike in the blocks. Of pictures at another time
     * than the target's nothing is read after it.
     */
    private Modulation.Norm normOut(final List<TimeSpan> spans) {
        return new Modulation.Norm(backend, spans.stream().map(span -> new Modulation.Part(span.rows(),
                backend.slice(span.modulation(), normOutPlace() + width, Shape.of(width)),
                backend.slice(span.modulation(), normOutPlace(), Shape.of(width)))).toList());
    }

    private long imagePlace(final int block) {
        return 2L * block * Modulation.VECTORS * width;
    }

    private long textPlace(final int block) {
        return imagePlace(block) + (long) Modulation.VECTORS * width;
    }

    private long normOutPlace() {
        return imagePlace(blocks.size());
    }

    /** [times, CHANNELS], F32. */
    private Tensor sinusoids(final Arena arena, final float[] times) {
        final float[] values = new float[times.length * TimestepSinusoid.CHANNELS];
        for (int i = 0; i < times.length; i++) {
            System.arraycopy(TimestepSinusoid.of(times[i]), 0, values, i * TimestepSinusoid.CHANNELS,
                    TimestepSinusoid.CHANNELS);
        }
        return backend.uploadExact(arena,
                HostTensor.ofFloats(Shape.of(times.length, TimestepSinusoid.CHANNELS), values));
    }
}
