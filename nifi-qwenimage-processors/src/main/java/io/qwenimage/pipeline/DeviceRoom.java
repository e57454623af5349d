package io.qwenimage.pipeline;

import io.qwenimage.backend.Backend;
import io.qwenimage.backend.MemoryStatus;
import io.qwenimage.backend.ResourceExhaustedException;
import io.qwenimage.model.language.LanguageModel;
import io.qwenimage.model.qwenimage.QwenImageConfig;
import io.qwenimage.model.qwenimage.QwenImageResidency;
import io.qwenimage.model.qwenimage.QwenImageTransformer2DModel;
import io.qwenimage.model.qwenimagevae.QwenImageDecoder;
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
 * @param computing activations of a guided step at the size that the folder recommends
 */
record DeviceRoom(long budget, long weights, long expected, long computing) {
    private static final int PROMPTS = 2;
    private static final String HEAD = "lm_head.";
    private static final String TOWER = "visual.";
    /** What a request needs beside the denoiser, by the component that holds it. */
    private static final Map<String, Class<?>> OTHERS = Map.of(ModelFolder.TEXT_ENCODER, LanguageModel.class,
            ModelFolder.VAE, QwenImageDecoder.class);

    /** What is left; negative if nothing is. */
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
        final int pictures = folder.kind().edits() ? 2 : 1;
        final long tokens = PROMPTS * (pictures * folder.recommendedTokens() + TextRequest.MAXIMUM_TOKENS);
        final long activations = QwenImageTransformer2DModel.activationBytes(
                QwenImageConfig.read(folder.config(ModelFolder.TRANSFORMER)), tokens, backend.activationType());
        final MemoryStatus memory = backend.memory();
        return new DeviceRoom(memory.budget() - memory.reserved(), weights, expected, Math.max(activations, inUse));
    }

    /**
     * Which of the denoiser's weights stay.
     *
     * @throws ResourceExhaustedException if not even one block at a time fits
     */
    QwenImageResidency residency(final DenoiserWeights denoiser) {
        return denoiser.within(forDenoiser()).orElseThrow(() -> new ResourceExhaustedException(
                "the denoiser's weights need " + FolderInspection.size(denoiser.all()) + " of the device's memory, and "
                        + FolderInspection.size(denoiser.least()) + " if all its blocks are streamed, but "
                        + FolderInspection.size(Math.max(0, forDenoiser())) + " are free for them: the memory budget "
                        + "is " + FolderInspection.size(budget) + " beside what libraries keep, weights take "
                        + FolderInspection.size(weights)
                        + ", text encoder and VAE still to come " + FolderInspection.size(expected) + ", computing "
                        + FolderInspection.size(computing) + ". A larger memory budget or a smaller model helps"));
    }

    /** Bytes of what requests read: a prompt alone needs no vision tower, and nobody the language model's head. */
    private static long bytes(final WeightSource source, final boolean edits, final LongUnaryOperator weightBytes) {
        return source.names().stream().filter(name -> !name.startsWith(HEAD) && (edits || !name.contains(TOWER)))
                .mapToLong(name -> weightBytes.applyAsLong(source.info(name).shape().elements())).sum();
    }
}
