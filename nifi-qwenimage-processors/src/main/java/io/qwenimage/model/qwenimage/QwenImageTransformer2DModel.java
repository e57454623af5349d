package io.qwenimage.model.qwenimage;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.backend.GatedNorm;
import io.qwenimage.backend.JointSequences;
import io.qwenimage.backend.StreamedLayers;
import io.qwenimage.model.qwenimage.QwenImageTransformerBlock.Streams;
import io.qwenimage.model.qwenimage.QwenImageTransformerBlock.Time;
import io.qwenimage.nn.Linear;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.nn.RmsNorm;
import io.qwenimage.tensor.DType;
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
    private final QwenImageResidency residency;
    private final QwenImageRope posEmbed;
    private final TimeModulations modulations;
    private final RmsNorm txtNorm;
    private final Linear imgIn;
    private final Linear txtIn;
    private final List<QwenImageTransformerBlock> transformerBlocks;
    private final StreamedLayers blockWeights;
    private final Linear projOut;

    /** Loads all weights to stay; they belong to the arena of the scope. */
    public QwenImageTransformer2DModel(final ModuleScope scope, final QwenImageConfig config) {
        this(scope, config, QwenImageResidency.resident(config));
    }

    /** The same, with weights that do not all stay. */
    public QwenImageTransformer2DModel(final ModuleScope scope, final QwenImageConfig config,
            final QwenImageResidency residency) {
        this.backend = scope.backend();
        this.config = config;
        this.residency = residency;
        final int width = config.innerDim();
        posEmbed = new QwenImageRope(config.axesDimsRope());
        modulations = new TimeModulations(scope, config, residency.modulations());
        txtNorm = RmsNorm.load(scope.sub("txt_norm"), config.jointAttentionDim(), QwenImageConfig.NORM_EPS);
        imgIn = Linear.load(scope.sub("img_in"), config.inChannels(), width);
        txtIn = Linear.load(scope.sub("txt_in"), config.jointAttentionDim(), width);
        transformerBlocks = new ArrayList<>();
        blockWeights = scope.layers(residency.blocks());
        for (int i = 0; i < config.numLayers(); i++) {
            final ModuleScope block = scope.sub("transformer_blocks").sub(i);
            transformerBlocks.add(blockWeights.load(i, owner -> QwenImageTransformerBlock.load(block.in(owner), config)));
        }
        projOut = Linear.load(scope.sub("proj_out"), width, config.packedOutChannels());
    }

    /** What the model was built from. */
    public QwenImageConfig config() {
        return config;
    }

    /** Which of the weights stay on the device. */
    public QwenImageResidency residency() {
        return residency;
    }

    /**
     * What the prompt contributes to every step, of one sequence or of several: made once, used until its arena closes.
     *
     * @param embeddings [L_text, D], the prompts of all sequences
     * @param rope       of all tokens
     * @param sequences  where prompts and pictures of each begin
     * @param targetRows tokens of the picture to be made, which come first among the pictures of a sequence
     * @param cleanTime  whether the pictures after it stand at time 0, free of noise
     */
    public record TextContext(Tensor embeddings, JointRope rope, JointSequences sequences, long targetRows,
            boolean cleanTime) {
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
                    rope.then(backend, arena, other.rope), sequences.then(other.sequences), targetRows, cleanTime);
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
        try (Arena scratch = arena.open("text projection")) {
            final Tensor normed = txtNorm.forward(scratch, embeddings); // [L_text, joint_attention_dim]
            return new TextContext(scratch.keep(txtIn.forward(scratch, normed)), rope,
                    JointSequences.one(length, pictureRows), grids[0].tokens(),
                    config.zeroCondT() && grids.length > 1); // [L_text, D]
        }
    }

    /**
     * What times give to all blocks, and to what follows them: made once for as many steps as memory allows.
     *
     * @param arena    the owner of the result
     * @param observer hears the times' embeddings, [times, D]
     * @param times    sigma, from 1 (noise) to 0
     * @return [times, {@link #modulationValues}]
     */
    public Tensor modulations(final Arena arena, final Cancellation cancellation, final BlockObserver observer,
            final float... times) {
        return modulations.forward(arena, times, cancellation, observer);
    }

    /** How many values a time has. */
    public long modulationValues() {
        return modulations.values();
    }

    /** The same for a model that is not loaded. */
    public static long modulationValues(final QwenImageConfig config) {
        return TimeModulations.values(config.numLayers(), config.innerDim());
    }

    /**
     * What the times of one step give, each [{@link #modulationValues}].
     *
     * @param target of the time of the picture to be made, and of the texts
     * @param clean  of time 0, for pictures free of noise; null where a context has none
     */
    public record StepModulation(Tensor target, Tensor clean) {
    }

    /** What activations of a forward take at most, in bytes. */
    public long activationBytes(final TextContext context) {
        return activationBytes(config, context.pictureRows() + context.embeddings().shape().extent(0),
                backend.activationType());
    }

    /** The same for so many tokens of pictures and prompts together. */
    public static long activationBytes(final QwenImageConfig config, final long tokens, final DType type) {
        return ACTIVATION_WIDTHS * tokens * config.innerDim() * type.bytes();
    }

    /**
     * Predicts the velocity.
     *
     * @param arena    the owner of the result
     * @param latents  [L_image, in_channels], packed: of each sequence the target's, then the references'
     * @param time     what the step's times give
     * @param observer hears both streams after every block
     * @return [sequences L_target, patch_size^2 out_channels]
     */
    public Tensor forward(final Arena arena, final Tensor latents, final StepModulation time,
            final TextContext context, final Cancellation cancellation, final BlockObserver observer) {
        try (Arena scratch = arena.open("denoiser"); StreamedLayers.Pass weights = blockWeights.begin()) {
            final List<TimeSpan> image = imageTimes(time, context);
            final List<TimeSpan> text = List.of(new TimeSpan(context.embeddings().shape().extent(0), time.target()));

            // The streams outlive the block that made them by one block only.
            Arena current = scratch.open("latent projection");
            Streams streams = begin(current, imgIn.forward(current, latents), context.embeddings(), image, text);
            final int last = transformerBlocks.size() - 1;
            for (int i = 0; i < last; i++) {
                cancellation.check();
                weights.layer(i);
                final Arena next = scratch.open("streams after block " + i);
                try (Arena block = next.open("transformer block " + i)) {
                    streams = kept(block, transformerBlocks.get(i).forward(block, streams,
                            modulations.ofBlock(i, image, text), context.rope(), context.sequences()));
                }
                current.close();
                current = next;
                observer.onBlock("transformer_blocks." + i, streams.image().sum(), streams.text().sum());
            }
            cancellation.check();
            weights.layer(last);
            final GatedNorm out = transformerBlocks.get(last).last(scratch, streams,
                    modulations.ofBlock(last, image, text), context.rope(), context.sequences());
            observer.onBlock("transformer_blocks." + last, out.sum(), null);
            final Tensor targets = targets(scratch, out.normed(), context);
            return scratch.keep(projOut.forward(scratch, targets)); // [sequences L_target, p^2 out_channels]
        }
    }

    /** The streams as the first block takes them. */
    private Streams begin(final Arena arena, final Tensor image, final Tensor text, final List<TimeSpan> imageTimes,
            final List<TimeSpan> textTimes) {
        return new Streams(
                new GatedNorm(image, modulations.image(0, imageTimes).attention().norm().forward(arena, image)),
                new GatedNorm(text, modulations.text(0, textTimes).attention().norm().forward(arena, text)));
    }

    private static Streams kept(final Arena block, final Streams streams) {
        for (final GatedNorm stream : List.of(streams.image(), streams.text())) {
            block.keep(stream.sum());
            block.keep(stream.normed());
        }
        return streams;
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
     * Runs the first block alone, for measurement: the norm before it, modulation, the block, and the norms after it,
     * which are modulated like the one before.
     *
     * @param arena    the owner of what the observer hears
     * @param image    [L_image, D]
     * @param text     [L_text, D]
     * @param temb     [1, D]
     * @param grid     of the picture
     * @param observer hears the result
     */
    public void forwardBlock(final Arena arena, final Tensor image, final Tensor text,
            final Tensor temb, final PatchGrid grid, final BlockObserver observer) {
        final JointRope rope = posEmbed.tables(backend, arena, new PatchGrid[] {grid}, text.shape().intExtent(0));
        final Tensor modulation = modulations.ofFirstBlock(arena, temb);
        final List<TimeSpan> imageTimes = List.of(new TimeSpan(grid.tokens(), modulation));
        final List<TimeSpan> textTimes = List.of(new TimeSpan(text.shape().extent(0), modulation));
        final Time time = new Time(modulations.image(0, imageTimes), modulations.text(0, textTimes),
                modulations.image(0, imageTimes).attention().norm(), modulations.text(0, textTimes).attention().norm());
        try (StreamedLayers.Pass weights = blockWeights.begin()) {
            weights.layer(0);
            final Streams out = transformerBlocks.getFirst().forward(arena,
                    begin(arena, image, text, imageTimes, textTimes), time, rope,
                    JointSequences.one(text.shape().intExtent(0), grid.tokens()));
            observer.onBlock("transformer_blocks.0", out.image().sum(), out.text().sum());
        }
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
         * @param text  the text stream, or null; nothing reads what the last block would make of it
         */
        void onBlock(String name, Tensor image, Tensor text);
    }

    /** The targets stand at the step's time; references too, unless the model has them free of noise. */
    private static List<TimeSpan> imageTimes(final StepModulation time, final TextContext context) {
        if (!context.cleanTime()) {
            return List.of(new TimeSpan(context.pictureRows(), time.target()));
        }
        final int[] pictures = context.sequences().second();
        final List<TimeSpan> spans = new ArrayList<>();
        for (int s = 0; s < context.sequences().count(); s++) {
            spans.add(new TimeSpan(context.targetRows(), time.target()));
            spans.add(new TimeSpan(pictures[s + 1] - pictures[s] - context.targetRows(), time.clean()));
        }
        return spans;
    }
}
