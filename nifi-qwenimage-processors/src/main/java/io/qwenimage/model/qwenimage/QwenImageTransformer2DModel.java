package io.qwenimage.model.qwenimage;

import io.qwenimage.backend.Activation;
import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.model.qwenimage.QwenImageTransformerBlock.Streams;
import io.qwenimage.model.qwenimage.QwenImageTransformerBlock.Times;
import io.qwenimage.nn.Linear;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.nn.RmsNorm;
import io.qwenimage.nn.TimestepSinusoid;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The denoiser: predicts the velocity of packed latents, {@code QwenImageTransformer2DModel} of diffusers. */
public final class QwenImageTransformer2DModel {
    private final Backend backend;
    private final QwenImageConfig config;
    private final QwenImageRope posEmbed;
    private final Linear timestepLinear1;
    private final Linear timestepLinear2;
    private final RmsNorm txtNorm;
    private final Linear imgIn;
    private final Linear txtIn;
    private final List<QwenImageTransformerBlock> transformerBlocks;
    private final Linear normOut;
    private final Linear projOut;

    /** Loads all weights; they belong to the arena of the scope. */
    public QwenImageTransformer2DModel(final ModuleScope scope, final QwenImageConfig config) {
        this.backend = scope.backend();
        this.config = config;
        final int width = config.innerDim();
        posEmbed = new QwenImageRope(config.axesDimsRope());
        final ModuleScope embedder = scope.sub("time_text_embed.timestep_embedder");
        timestepLinear1 = Linear.load(embedder.sub("linear_1"), TimestepSinusoid.CHANNELS, width);
        timestepLinear2 = Linear.load(embedder.sub("linear_2"), width, width);
        txtNorm = RmsNorm.load(scope.sub("txt_norm"), config.jointAttentionDim(), QwenImageConfig.NORM_EPS);
        imgIn = Linear.load(scope.sub("img_in"), config.inChannels(), width);
        txtIn = Linear.load(scope.sub("txt_in"), config.jointAttentionDim(), width);
        transformerBlocks = new ArrayList<>();
        for (int i = 0; i < config.numLayers(); i++) {
            transformerBlocks.add(QwenImageTransformerBlock.load(scope.sub("transformer_blocks").sub(i), config));
        }
        normOut = Linear.load(scope.sub("norm_out.linear"), width, 2 * width);
        projOut = Linear.load(scope.sub("proj_out"), width, config.packedOutChannels());
    }

    /** What the model was built from. */
    public QwenImageConfig config() {
        return config;
    }

    /**
     * What the prompt contributes to every step: made once, used until its arena closes.
     *
     * @param embeddings  [L_text, D]
     * @param rope        of all tokens
     * @param targetRows  tokens of the picture to be made, which come first
     * @param pictureRows tokens of all pictures
     */
    public record TextContext(Tensor embeddings, JointRope rope, long targetRows, long pictureRows) {
    }

    /**
     * Prepares a prompt for all steps.
     *
     * @param arena      the owner of the result
     * @param embeddings [L_text, joint_attention_dim]
     * @param grids      of the picture to be made, and of the references after it
     */
    public TextContext textContext(final Arena arena, final Tensor embeddings, final PatchGrid... grids) {
        final int length = embeddings.shape().intExtent(0);
        final JointRope rope = posEmbed.tables(backend, arena, grids, length);
        final int pictureRows = Arrays.stream(grids).mapToInt(PatchGrid::tokens).sum();
        try (Arena scratch = arena.open("text projection")) {
            final Tensor normed = txtNorm.forward(scratch, embeddings); // [L_text, joint_attention_dim]
            return new TextContext(scratch.keep(txtIn.forward(scratch, normed)), rope, grids[0].tokens(),
                    pictureRows); // [L_text, D]
        }
    }

    /**
     * Predicts the velocity.
     *
     * @param arena    the owner of the result
     * @param latents  [L_image, in_channels], packed: the target's, then the references'
     * @param timestep sigma, from 1 (noise) to 0
     * @param observer hears both streams after every block
     * @return [L_target, patch_size^2 out_channels]
     */
    public Tensor forward(final Arena arena, final Tensor latents, final float timestep, final TextContext context,
            final Cancellation cancellation, final BlockObserver observer) {
        try (Arena scratch = arena.open("denoiser")) {
            final Tensor temb = timestepEmbedding(scratch, timestep); // [1, D]
            final Tensor activated = backend.activate(scratch, temb, Activation.SILU);
            observer.onBlock("time_text_embed", temb, null);
            final Times times = times(scratch, activated, context);

            // The streams outlive the block that made them by one block only.
            Arena current = scratch.open("latent projection");
            Streams streams = new Streams(imgIn.forward(current, latents), context.embeddings());
            for (int i = 0; i < transformerBlocks.size(); i++) {
                cancellation.check();
                final Arena next = scratch.open("streams after block " + i);
                try (Arena block = next.open("transformer block " + i)) {
                    final Streams out = transformerBlocks.get(i).forward(block, streams, times, context.rope());
                    streams = new Streams(block.keep(out.image()), block.keep(out.text()));
                }
                current.close();
                current = next;
                observer.onBlock("transformer_blocks." + i, streams.image(), streams.text());
            }
            final Tensor target = backend.slice(streams.image(), 0, Shape.of(context.targetRows(), config.innerDim()));
            return scratch.keep(projected(scratch, target, activated)); // [L_target, patch_size^2 out_channels]
        }
    }

    /**
     * Runs one block alone, for measurement.
     *
     * @param arena    the owner of what the observer hears
     * @param index    of the block
     * @param image    [L_image, D]
     * @param text     [L_text, D]
     * @param temb     [1, D]
     * @param grid     of the picture
     * @param observer hears the result
     */
    public void forwardBlock(final Arena arena, final int index, final Tensor image, final Tensor text,
            final Tensor temb, final PatchGrid grid, final BlockObserver observer) {
        final JointRope rope = posEmbed.tables(backend, arena, new PatchGrid[] {grid}, text.shape().intExtent(0));
        final Tensor activated = backend.activate(arena, temb, Activation.SILU);
        final Times times = new Times(List.of(new TimeSpan(grid.tokens(), activated)),
                List.of(new TimeSpan(text.shape().extent(0), activated)));
        final Streams out = transformerBlocks.get(index).forward(arena, new Streams(image, text), times, rope);
        observer.onBlock("transformer_blocks." + index, out.image(), out.text());
    }

    /** Hears both streams between blocks; for tests and diagnosis. */
    @FunctionalInterface
    public interface BlockObserver {
        /** Hears nothing. */
        BlockObserver NONE = (name, image, text) -> { };

        /**
         * Called after a part of the model.
         *
         * @param name  path in the checkpoint
         * @param image the image stream, or the only result
         * @param text  the text stream, or null
         */
        void onBlock(String name, Tensor image, Tensor text);
    }

    /** The text and the target stand at the timestep; references too, unless the model has them free of noise. */
    private Times times(final Arena arena, final Tensor activated, final TextContext context) {
        final List<TimeSpan> text = List.of(new TimeSpan(context.embeddings().shape().extent(0), activated));
        final long referenceRows = context.pictureRows() - context.targetRows();
        if (!config.zeroCondT() || referenceRows == 0) {
            return new Times(List.of(new TimeSpan(context.pictureRows(), activated)), text);
        }
        final Tensor clean = backend.activate(arena, timestepEmbedding(arena, 0), Activation.SILU);
        return new Times(List.of(new TimeSpan(context.targetRows(), activated), new TimeSpan(referenceRows, clean)),
                text);
    }

    private Tensor timestepEmbedding(final Arena arena, final float timestep) {
        final HostTensor sinusoid = HostTensor.ofFloats(Shape.of(1, TimestepSinusoid.CHANNELS),
                TimestepSinusoid.of(timestep));
        final Tensor hidden = timestepLinear1.forward(arena, backend.upload(arena, sinusoid), Activation.SILU);
        return timestepLinear2.forward(arena, hidden); // [1, D]
    }

    private Tensor projected(final Arena arena, final Tensor image, final Tensor activated) {
        final long width = config.innerDim();
        final Tensor parameters = normOut.forward(arena, activated); // [1, 2 D]: scale first, unlike in the blocks
        final Tensor scale = backend.slice(parameters, 0, Shape.of(width));
        final Tensor shift = backend.slice(parameters, width, Shape.of(width));
        final Tensor normed = backend.adaLayerNorm(arena, image, shift, scale, QwenImageConfig.NORM_EPS);
        return projOut.forward(arena, normed); // [L_target, patch_size^2 out_channels]
    }
}
