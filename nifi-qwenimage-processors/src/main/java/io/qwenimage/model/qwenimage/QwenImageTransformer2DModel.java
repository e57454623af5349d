package io.qwenimage.model.qwenimage;

import io.qwenimage.backend.Activation;
import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.backend.JointSequences;
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
    /** What lives at the same time at most, in rows of the model's width: the feed-forward layer and both streams. */
    private static final long ACTIVATION_WIDTHS = 20;

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
     * What the prompt contributes to every step, of one sequence or of several: made once, used until its arena closes.
     *
     * @param embeddings [L_text, D], the prompts of all sequences
     * @param rope       of all tokens
     * @param sequences  where prompts and pictures of each begin
     * @param targetRows tokens of the picture to be made, which come first among the pictures of a sequence
     * @param noTime     the sinusoid of pictures without noise, [1, CHANNELS], or null if none are
     */
    public record TextContext(Tensor embeddings, JointRope rope, JointSequences sequences, long targetRows,
            Tensor noTime) {
        /** Tokens of all pictures of all sequences. */
        long pictureRows() {
            return sequences.second()[sequences.count()];
        }

        /**
         * Sequences of this and of another, to run together.
         *
         * @param arena the owner of the result
         */
        public TextContext then(final Backend backend, final Arena arena, final TextContext other) {
            return new TextContext(backend.concat(arena, embeddings, other.embeddings),
                    rope.then(backend, arena, other.rope), sequences.then(other.sequences), targetRows, noTime);
        }
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
        final Tensor noTime = config.zeroCondT() && grids.length > 1 ? times(backend, arena, 0) : null;
        try (Arena scratch = arena.open("text projection")) {
            final Tensor normed = txtNorm.forward(scratch, embeddings); // [L_text, joint_attention_dim]
            return new TextContext(scratch.keep(txtIn.forward(scratch, normed)), rope,
                    JointSequences.one(length, pictureRows), grids[0].tokens(), noTime); // [L_text, D]
        }
    }

    /**
     * What the model reads of times: their sinusoids, [times, CHANNELS], F32.
     *
     * @param times sigma, from 1 (noise) to 0
     */
    public static Tensor times(final Backend backend, final Arena arena, final float... times) {
        final float[] sinusoids = new float[times.length * TimestepSinusoid.CHANNELS];
        for (int i = 0; i < times.length; i++) {
            System.arraycopy(TimestepSinusoid.of(times[i]), 0, sinusoids, i * TimestepSinusoid.CHANNELS,
                    TimestepSinusoid.CHANNELS);
        }
        return backend.uploadExact(arena, HostTensor.ofFloats(Shape.of(times.length, TimestepSinusoid.CHANNELS),
                sinusoids));
    }

    /** One of several times, [1, CHANNELS]. */
    public static Tensor time(final Backend backend, final Tensor times, final int index) {
        return backend.slice(times, (long) index * TimestepSinusoid.CHANNELS, Shape.of(1, TimestepSinusoid.CHANNELS));
    }

    /** What activations of a forward take at most, in bytes. */
    public long activationBytes(final TextContext context) {
        final long rows = context.pictureRows() + context.embeddings().shape().extent(0);
        return ACTIVATION_WIDTHS * rows * config.innerDim() * backend.activationType().bytes();
    }

    /**
     * Predicts the velocity.
     *
     * @param arena    the owner of the result
     * @param latents  [L_image, in_channels], packed: of each sequence the target's, then the references'
     * @param time     of the target, from {@link #times}
     * @param observer hears both streams after every block
     * @return [sequences L_target, patch_size^2 out_channels]
     */
    public Tensor forward(final Arena arena, final Tensor latents, final Tensor time, final TextContext context,
            final Cancellation cancellation, final BlockObserver observer) {
        try (Arena scratch = arena.open("denoiser")) {
            final Tensor temb = timestepEmbedding(scratch, time); // [1, D]
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
                    final Streams out = transformerBlocks.get(i).forward(block, streams, times, context.rope(),
                            context.sequences());
                    streams = new Streams(block.keep(out.image()), block.keep(out.text()));
                }
                current.close();
                current = next;
                observer.onBlock("transformer_blocks." + i, streams.image(), streams.text());
            }
            final Tensor targets = targets(scratch, streams.image(), context);
            return scratch.keep(projected(scratch, targets, activated)); // [sequences L_target, p^2 out_channels]
        }
    }

    /** The rows of the pictures to be made. */
    private Tensor targets(final Arena arena, final Tensor image, final TextContext context) {
        final int sequences = context.sequences().count();
        final long rows = context.targetRows();
        final Shape shape = Shape.of(rows, config.innerDim());
        if (sequences == 1 || rows * sequences == context.pictureRows()) {
            return backend.slice(image, 0, Shape.of(rows * sequences, config.innerDim()));
        }
        final Tensor[] targets = new Tensor[sequences];
        Arrays.setAll(targets, s -> backend.slice(image,
                (long) context.sequences().second()[s] * config.innerDim(), shape));
        return backend.concat(arena, targets);
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
        final Streams out = transformerBlocks.get(index).forward(arena, new Streams(image, text), times, rope,
                JointSequences.one(text.shape().intExtent(0), grid.tokens()));
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

    /** The texts and the targets stand at the timestep; references too, unless the model has them free of noise. */
    private Times times(final Arena arena, final Tensor activated, final TextContext context) {
        final List<TimeSpan> text = List.of(new TimeSpan(context.embeddings().shape().extent(0), activated));
        if (context.noTime() == null) {
            return new Times(List.of(new TimeSpan(context.pictureRows(), activated)), text);
        }
        final Tensor clean = backend.activate(arena, timestepEmbedding(arena, context.noTime()), Activation.SILU);
        final int[] pictures = context.sequences().second();
        final List<TimeSpan> spans = new ArrayList<>();
        for (int s = 0; s < context.sequences().count(); s++) {
            spans.add(new TimeSpan(context.targetRows(), activated));
            spans.add(new TimeSpan(pictures[s + 1] - pictures[s] - context.targetRows(), clean));
        }
        return new Times(spans, text);
    }

    private Tensor timestepEmbedding(final Arena arena, final Tensor time) {
        final Tensor hidden = timestepLinear1.forward(arena, time, Activation.SILU);
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
