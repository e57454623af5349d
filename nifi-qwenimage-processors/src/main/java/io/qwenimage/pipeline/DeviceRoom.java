package io.qwenimage.pipeline;

import io.qwenimage.backend.Backend;
import io.qwenimage.backend.MemoryStatus;
import io.qwenimage.backend.ResourceExhaustedException;
import io.qwenimage.model.language.LanguageModel;
import io.qwenimage.model.qwenimage.QwenImageConfig;
import io.qwenimage.model.qwenimage.QwenImageResidency;
import io.qwenimage.model.qwenimage.QwenImageTransformer2DModel;
import io.qwenimage.model.qwenimagevae.QwenImageDecoder;
import io.qwenimage.tensor.DType;
import io.qwenimage.weights.WeightSource;
import java.util.Map;
import java.util.function.BiPredicate;
import java.util.function.LongUnaryOperator;

/**
 * What of a device's memory is left for the denoiser's weights, in bytes.
 *
 * @param budget    of the device, less what its libraries keep
 * @param weights   that are there already
 * @param expected  weights of the folder's other components, which are still to come
 * @param computing what a guided request takes at the size that the folder recommends, with what is in use already
 * @param spare     what it takes beyond that at the largest size that is published; left free where only more streaming
 *                  is the price
 */
record DeviceRoom(long budget, long weights, long expected, long computing, long spare) {
    private static final int PROMPTS = 2;
    /** Times whose modulation is there at once: of 50 steps, and time 0. */
    private static final int TIMES = 51;
    /** Of 1328 x 1328, the largest of the sizes that Qwen-Image's model card names, in patches of 16 x 16. */
    private static final long LARGEST_TOKENS = 83 * 83;
    private static final String HEAD = "lm_head.";
    private static final String TOWER = "visual.";
    /** What a request needs beside the denoiser, by the component that holds it. */
    private static final Map<String, Class<?>> OTHERS = Map.of(ModelFolder.TEXT_ENCODER, LanguageModel.class,
            ModelFolder.VAE, QwenImageDecoder.class);

    /** What is left; negative if nothing is. The spare room is part of it. */
    long forDenoiser() {
        return budget - weights - expected - computing;
    }

    /** Looks at a device and the networks on it. */
    static DeviceRoom of(final ComponentStore store, final ModelFolder folder) {
        final MemoryStatus memory = store.backend().memory();
        return of(store.backend(), folder, (component, network) -> store.isLoaded(folder.component(component), network),
                memory.weights(), memory.inUse());
    }

    /** The same for a device that nobody else uses. */
    static DeviceRoom ofEmpty(final Backend backend, final ModelFolder folder) {
        return of(backend, folder, (component, network) -> false, 0, 0);
    }

    private static DeviceRoom of(final Backend backend, final ModelFolder folder,
            final BiPredicate<String, Class<?>> isLoaded, final long weights, final long inUse) {
        long expected = 0;
        for (final Map.Entry<String, Class<?>> component : OTHERS.entrySet()) {
            if (!isLoaded.test(component.getKey(), component.getValue())) {
                try (WeightSource source = folder.weights(component.getKey())) {
                    expected += bytes(source, folder.kind().edits(), backend::weightBytes);
                }
            }
        }
        final QwenImageConfig config = QwenImageConfig.read(folder.config(ModelFolder.TRANSFORMER));
        final int pictures = folder.kind().edits() ? 2 : 1;
        final DType type = backend.activationType();
        final long recommended = requestBytes(config, pictures * folder.recommendedTokens(), type);
        final long largest = requestBytes(config, pictures * LARGEST_TOKENS, type);
        final MemoryStatus memory = backend.memory();
        return new DeviceRoom(memory.budget() - memory.reserved(), weights, expected, recommended + inUse,
                Math.max(0, largest - recommended));
    }

    /**
     * What a guided request takes: both prompts as they come, as they are projected and as one batch, what the steps'
     * times give, and the activations of a step. A decode comes after it and takes its place.
     */
    private static long requestBytes(final QwenImageConfig config, final long pictureTokens, final DType type) {
        final long texts = PROMPTS * (long) TextRequest.MAXIMUM_TOKENS
                * (config.jointAttentionDim() + 2L * config.innerDim()) * type.bytes();
        final long modulations = TIMES * QwenImageTransformer2DModel.modulationValues(config) * type.bytes();
        return texts + modulations + QwenImageTransformer2DModel.activationBytes(config,
                PROMPTS * (pictureTokens + TextRequest.MAXIMUM_TOKENS), type);
    }

    /**
     * Which of the denoiser's weights stay.
     *
     * @throws ResourceExhaustedException if not even one block at a time fits, or one is too large to be streamed
     */
    QwenImageResidency residency(final DenoiserWeights denoiser) {
        final QwenImageResidency residency = denoiser.within(forDenoiser() - spare)
                .or(() -> denoiser.within(forDenoiser())).orElseThrow(() -> exhausted(denoiser));
        denoiser.requireStreamable(residency);
        return residency;
    }

    private ResourceExhaustedException exhausted(final DenoiserWeights denoiser) {
        return new ResourceExhaustedException("the denoiser's weights need " + FolderInspection.size(denoiser.all())
                + " of the device's memory, and " + FolderInspection.size(denoiser.least())
                + " if all its blocks are streamed, but " + FolderInspection.size(Math.max(0, forDenoiser()))
                + " are free for them: the memory budget is " + FolderInspection.size(budget)
                + " beside what libraries keep, weights take " + FolderInspection.size(weights)
                + ", text encoder and VAE still to come " + FolderInspection.size(expected) + ", computing "
                + FolderInspection.size(computing) + ". A larger memory budget or a smaller model helps");
    }

    /** Bytes of what requests read: a prompt alone needs no vision tower, and nobody the language model's head. */
    private static long bytes(final WeightSource source, final boolean edits, final LongUnaryOperator weightBytes) {
        return source.names().stream().filter(name -> !name.startsWith(HEAD) && (edits || !name.contains(TOWER)))
                .mapToLong(name -> weightBytes.applyAsLong(source.info(name).shape().elements())).sum();
    }
}
