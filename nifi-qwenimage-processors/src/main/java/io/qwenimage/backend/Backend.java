package io.qwenimage.backend;

import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * The operations that the models need, at the level of the mathematics, fused where hardware fuses. Every operation
 * allocates its result in the arena given first and changes none of its arguments. Sequences are [L, D] without a
 * batch axis, heads are [L, H, D], pictures are [H, W, C] (channels last).
 *
 * <p>Activations have {@link #activationType()}; norms, softmax and the latents' own update are computed in F32
 * whatever that is. Weights may have any floating type. An argument whose shape or type does not fit is refused with
 * an {@link IllegalArgumentException} that states the actual values; a lack of memory with a
 * {@link ResourceExhaustedException}, a device that fails with a {@link DeviceFaultException}. A backend may be used by
 * several threads, each with arenas of its own.
 */
public interface Backend extends AutoCloseable {
    /** One sentence for people: which device, which libraries, which kernels were chosen and why. */
    String describe();

    /** The type of activations: F32 on a CPU. */
    DType activationType();

    /** The books of this backend's memory. */
    MemoryStatus memory();

    /**
     * The error that has left the device's memory and work unusable for good, in words; empty as long as there is none.
     * All that is left to do then is to close the backend, and to open it anew.
     */
    default Optional<String> loss() {
        return Optional.empty();
    }

    /**
     * Opens an outermost arena.
     *
     * @param purpose appears in messages about memory, for instance "transformer weights"
     */
    Arena openArena(String purpose);

    /**
     * Prepares a weight for use, in the layout that suits its role.
     *
     * @param arena  the owner, which lives as long as the model
     * @param weight elements of any floating type; may be a view of a mapped file, which must stay open
     * @return a handle for the one operation that the role names
     */
    Tensor weight(Arena arena, HostTensor weight, WeightRole role);

    /** What a prepared weight of so many elements takes of this backend's memory, in bytes. */
    default long weightBytes(final long elements) {
        return elements * activationType().bytes();
    }

    /** Whether layers can be streamed: whether weights have to be brought to the device at all. */
    default boolean streamsLayers() {
        return false;
    }

    /**
     * Prepares for layers of equal shapes.
     *
     * @param arena the owner, which lives as long as the model
     * @param plan  which of them are streamed; one that streams some is for backends that can
     */
    default StreamedLayers layers(final Arena arena, final LayerPlan plan) {
        Require.that(plan.streamed() == 0, "%s layers cannot be streamed: weights are where they are used", plan);
        return StreamedLayers.resident(arena);
    }

    /** Copies real numbers to the device as {@link #activationType()}. */
    Tensor upload(Arena arena, HostTensor values);

    /** Copies real numbers to the device as F32, whatever the activation type is: latents, rotary tables. */
    Tensor uploadExact(Arena arena, HostTensor values);

    /** Copies a tensor's elements, widened to F32, to the host. */
    HostTensor download(Tensor tensor);

    /**
     * A view of a contiguous part.
     *
     * @param offset index of the first element
     * @param shape  of the view; its elements follow one another from there
     */
    Tensor slice(Tensor x, long offset, Shape shape);

    /** Tensors of equal inner extents one after the other along the outermost axis: [sum of L, ...]. */
    Tensor concat(Arena arena, Tensor... parts);

    /**
     * Copies rows into a tensor that grows, such as a cache of keys and values; this and {@link #storeColumns} are the
     * operations that change an argument.
     *
     * @param target [capacity, ...]
     * @param row    where the first row goes
     * @param rows   [L, ...], inner extents and type as those of the target
     */
    void store(Tensor target, long row, Tensor rows);

    /**
     * Copies columns into a tensor that is made part by part.
     *
     * @param target  [L, D]
     * @param column  where the first column goes
     * @param columns [L, n], type as that of the target
     */
    void storeColumns(Tensor target, long column, Tensor columns);

    /** Rows of a table: [count, width]; ids outside the table are refused. */
    Tensor embedding(Arena arena, Tensor table, int... ids);

    /**
     * activation(x W^T + bias) + residual.
     *
     * @param x        [L, in]
     * @param weight   [out, in], role {@link WeightRole#LINEAR}
     * @param bias     [out] or null
     * @param residual [L, out] or null
     * @return [L, out]
     */
    Tensor linear(Arena arena, Tensor x, Tensor weight, Tensor bias, Activation activation, Tensor residual);

    /** Applies a non-linearity to every element. */
    Tensor activate(Arena arena, Tensor x, Activation activation);

    /** a + b, elements of the same shape. */
    Tensor add(Arena arena, Tensor a, Tensor b);

    /**
     * Layer norm over the last axis without learned scale, then modulation: (x - mean) / sqrt(var + eps) (1 + scale)
     * + shift.
     *
     * @param x     [L, D]
     * @param shift [D]
     * @param scale [D]
     */
    Tensor adaLayerNorm(Arena arena, Tensor x, Tensor shift, Tensor scale, float eps);

    /**
     * Layer norm over the last axis: (x - mean) / sqrt(var + eps) weight + bias.
     *
     * @param x      [L, D]
     * @param weight [D]
     * @param bias   [D]
     */
    Tensor layerNorm(Arena arena, Tensor x, Tensor weight, Tensor bias, float eps);

    /**
     * residual + gate * x.
     *
     * @param residual [L, D]
     * @param x        [L, D]
     * @param gate     [D]
     */
    Tensor gatedAdd(Arena arena, Tensor residual, Tensor x, Tensor gate);

    /**
     * A gated sum of each stream, then its layer norm with modulation: {@link #gatedAdd}, {@link #adaLayerNorm}.
     * All operands are activations; those of another type are to be converted before, because some devices read them
     * in one pass that converts nothing.
     *
     * @param eps of the norms
     * @return of each stream
     */
    default List<GatedNorm> gatedAddAdaLayerNorm(final Arena arena, final float eps,
            final GatedNorm.Stream... streams) {
        return Arrays.stream(streams).map(stream -> GatedNorm.composed(this, arena, stream, eps)).toList();
    }

    /**
     * x / sqrt(mean(x^2) + eps) * weight over the last axis.
     *
     * @param x      [L, D]
     * @param weight [D]
     */
    Tensor rmsNorm(Arena arena, Tensor x, Tensor weight, float eps);

    /**
     * Root mean square norm over channels without epsilon, then a non-linearity: activation(x / max(|x|, 1e-12)
     * sqrt(C) gamma), the {@code QwenImageRMS_norm} of diffusers.
     *
     * @param x     [H, W, C]
     * @param gamma [C]
     */
    Tensor channelNorm(Arena arena, Tensor x, Tensor gamma, Activation activation);

    /**
     * Splits rows into heads, normalises each head (RMS norm) and rotates it by its token's position.
     *
     * @param x      [L, H D]
     * @param heads  H
     * @param weight [D], or null for no norm
     * @param eps    of the norm
     * @param rotary rows for L tokens, or null for no rotation
     * @return [L, H, D]
     */
    Tensor qkNormRope(Arena arena, Tensor x, int heads, Tensor weight, float eps, RotaryTable rotary);

    /**
     * Queries, keys and values of joint attention: projects both streams' tokens, splits their rows into heads, normalises
     * (RMS norm) and rotates queries and keys, and brings all into the joint order.
     *
     * @param heads H
     * @param eps   of the norms
     */
    default JointHeads jointHeads(final Arena arena, final JointHeads.Stream first, final JointHeads.Stream second,
            final int heads, final float eps, final JointSequences sequences) {
        return JointHeads.composed(this, arena, first, second, heads, eps, sequences);
    }

    /**
     * softmax(q k^T scale) v.
     *
     * @param q     [Lq, H, D]
     * @param k     [Lk, Hkv, D]; H is a multiple of Hkv, query head h reads key head h / (H / Hkv)
     * @param v     [Lk, Hkv, D]
     * @param scale usually 1 / sqrt(D)
     * @return [Lq, H D]
     */
    Tensor attention(Arena arena, Tensor q, Tensor k, Tensor v, AttentionPattern pattern, float scale);

    /**
     * silu(gate) * up.
     *
     * @param gate [L, D]
     * @param up   [L, D]
     */
    Tensor swiGlu(Arena arena, Tensor gate, Tensor up);

    /**
     * Two-dimensional convolution, plus bias, plus residual.
     *
     * @param x        [H, W, in]
     * @param weight   [out, in, kh, kw], role {@link WeightRole#CONVOLUTION}
     * @param bias     [out] or null
     * @param stride   1 or 2, both axes
     * @param residual [H', W', out] or null
     * @return [H', W', out]
     */
    Tensor convolution(Arena arena, Tensor x, Tensor weight, Tensor bias, int stride, Padding padding,
            Tensor residual);

    /** Doubles height and width by repeating pixels: [H, W, C] to [2H, 2W, C]. */
    Tensor upsampleNearest(Arena arena, Tensor x);

    /**
     * Classifier-free guidance with norm rescale and one Euler step in one pass, in F32. With an unconditional
     * prediction the velocity of each token is {@code c = u + s (cond - u)} scaled to the norm of {@code cond};
     * without, it is {@code cond}. The result is latents + dt * velocity. See {@code QwenImagePipeline.__call__} and
     * {@code FlowMatchEulerDiscreteScheduler.step} of diffusers.
     *
     * @param latents       [T, C] packed latents, F32
     * @param conditional   [T, C]
     * @param unconditional [T, C] or null for no guidance
     * @param trueCfgScale  s
     * @param dt            [1], F32: next sigma minus this sigma
     * @return [T, C], F32
     */
    Tensor guidanceStep(Arena arena, Tensor latents, Tensor conditional, Tensor unconditional, float trueCfgScale,
            Tensor dt);

    /** Whether sequences that run together are done sooner than one after the other. */
    default boolean gainsFromBatches() {
        return false;
    }

    /** Prepares work to be repeated; closing what is returned gives up what was kept for it. */
    default Repetition repeat(final Repetition.Round round) {
        return Repetition.plain(round);
    }

    /** Frees everything native; open arenas are closed. */
    @Override
    void close();
}
