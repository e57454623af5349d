package io.qwenimage.pipeline;

import io.qwenimage.backend.Backend;
import io.qwenimage.backend.LayerPlan;
import io.qwenimage.backend.ResourceExhaustedException;
import io.qwenimage.model.qwenimage.QwenImageResidency;
import io.qwenimage.weights.WeightSource;
import java.util.Optional;
import java.util.function.LongUnaryOperator;

/**
 * What the denoiser's weights take of a device's memory, in bytes, and which of them stay there.
 *
 * @param blocks     how many blocks there are
 * @param block      of one block what every step reads
 * @param modulation of one block what a request reads once
 * @param rest       all that belongs to no block
 * @param memory     what a piece of memory of so many bytes takes, which slots are
 */
record DenoiserWeights(int blocks, long block, long modulation, long rest, LongUnaryOperator memory) {
    /** One slot is read while the other is copied to; a third would help only copies that take turns unevenly. */
    private static final int BLOCK_SLOTS = 2;
    /** What is computed with a block's modulation is nothing beside its copy. */
    private static final int MODULATION_SLOTS = 1;
    /** What page-locked memory holds in one piece. */
    private static final long MOST_STREAMED_BYTES = Integer.MAX_VALUE;
    private static final String BLOCKS = "transformer_blocks.";

    /** Reads the sizes of a checkpoint as a backend would keep it. */
    static DenoiserWeights of(final WeightSource source, final int blocks, final Backend backend) {
        long block = 0;
        long modulation = 0;
        long rest = 0;
        for (final String name : source.names()) {
            final long bytes = backend.weightBytes(source.info(name).shape().elements());
            if (name.startsWith(BLOCKS + "0.img_mod.") || name.startsWith(BLOCKS + "0.txt_mod.")) {
                modulation += bytes;
            } else if (name.startsWith(BLOCKS + "0.")) {
                block += bytes;
            } else if (!name.startsWith(BLOCKS)) {
                rest += bytes;
            }
        }
        final int element = backend.activationType().bytes();
        return new DenoiserWeights(blocks, block, modulation, rest, bytes -> backend.weightBytes(bytes / element));
    }

    /** If all of them stay. */
    long all() {
        return rest + blocks * (block + modulation);
    }

    /** If all blocks take turns in as little memory as possible. */
    long least() {
        return taken(residency(blocks, blocks, 1));
    }

    /**
     * The residency that costs the least time in so much memory: modulation is streamed first, because a request waits
     * for it once and not in every step, then as few blocks as possible.
     *
     * @return empty if there is none
     */
    Optional<QwenImageResidency> within(final long room) {
        for (int modulations = 0; modulations <= blocks; modulations++) {
            final QwenImageResidency residency = residency(0, modulations, BLOCK_SLOTS);
            if (taken(residency) <= room) {
                return Optional.of(residency);
            }
        }
        for (int streamed = 1; streamed <= blocks; streamed++) {
            final QwenImageResidency residency = residency(streamed, blocks, BLOCK_SLOTS);
            if (taken(residency) <= room) {
                return Optional.of(residency);
            }
        }
        final QwenImageResidency least = residency(blocks, blocks, 1);
        return taken(least) <= room ? Optional.of(least) : Optional.empty();
    }

    /**
     * Refuses layers that cannot be copied.
     *
     * @throws ResourceExhaustedException if a layer that is streamed is larger than page-locked memory in one piece
     */
    void requireStreamable(final QwenImageResidency residency) {
        requireStreamable(residency.blocks(), block, "a block");
        requireStreamable(residency.modulations(), modulation, "the modulation of a block");
    }

    private static void requireStreamable(final LayerPlan plan, final long bytes, final String what) {
        if (plan.streamed() > 0 && bytes > MOST_STREAMED_BYTES) {
            throw new ResourceExhaustedException(plan + " blocks of the denoiser would be streamed, but " + what
                    + " takes " + bytes + " bytes and one that is streamed may take " + MOST_STREAMED_BYTES
                    + ". BF16 instead of F32 halves that; with a larger memory budget of the device, in which all "
                    + "weights fit, nothing is streamed");
        }
    }

    /** What a residency takes of the device's memory. */
    long taken(final QwenImageResidency residency) {
        return rest + taken(residency.blocks(), block) + taken(residency.modulations(), modulation);
    }

    /** What a residency takes of the host's memory, page-locked. */
    long pageLocked(final QwenImageResidency residency) {
        return residency.blocks().streamed() * block + residency.modulations().streamed() * modulation;
    }

    /** A residency in words; empty if all weights stay. */
    String describe(final QwenImageResidency residency) {
        if (residency.modulations().streamed() == 0 && residency.blocks().streamed() == 0) {
            return "";
        }
        final String steps = residency.blocks().streamed() == 0 ? ""
                : residency.blocks() + " blocks of the denoiser are streamed in every step, and ";
        return steps + "the modulation of " + residency.modulations() + " once a request, from "
                + FolderInspection.size(pageLocked(residency)) + " of page-locked host memory";
    }

    private QwenImageResidency residency(final int streamed, final int modulations, final int slots) {
        return new QwenImageResidency(new LayerPlan(blocks, streamed, slots, Math.max(1, block)),
                new LayerPlan(blocks, modulations, MODULATION_SLOTS, Math.max(1, modulation)));
    }

    private long taken(final LayerPlan plan, final long bytes) {
        return (plan.layers() - plan.streamed()) * bytes
                + Math.min(plan.slots(), plan.streamed()) * memory.applyAsLong(plan.slotBytes());
    }
}
