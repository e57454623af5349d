package io.qwenimage.pipeline;

import io.qwenimage.backend.Backend;
import io.qwenimage.backend.MemoryStatus;
import io.qwenimage.backend.ResourceExhaustedException;
import io.qwenimage.model.qwenimage.QwenImageConfig;
import io.qwenimage.model.qwenimage.QwenImageResidency;
import io.qwenimage.model.qwenimage.QwenImageTransformer2DModel;
import io.qwenimage.weights.WeightSource;
import java.util.List;
import java.util.function.LongUnaryOperator;
import java.util.function.Predicate;

/**
 * What of a device's memory is left for the denoiser's weights, in bytes.
 *
 * @param budget    of the device
 * @param weights   that are there already
 * @param expected  weights of the folder's other components, which are still to come
 * @param computing activations of a guided step at the size that the folder recommends
 */
record DeviceRoom(long budget, long weights, long expected, long computing) {
    private static final int PROMPTS = 2;

    /** What is left; negative if nothing is. */
    long forDenoiser() {
        return budget - weights - expected - computing;
    }

    /**
     * Looks at a device.
     *
     * @param isLoaded whether a component of the folder is on the device
     */
    static DeviceRoom of(final Backend backend, final ModelFolder folder, final Predicate<String> isLoaded) {
        final MemoryStatus memory = backend.memory();
        return of(backend, folder, isLoaded, memory.weights(), memory.inUse());
    }

    /** The same for a device that nobody else uses. */
    static DeviceRoom ofEmpty(final Backend backend, final ModelFolder folder) {
        return of(backend, folder, component -> false, 0, 0);
    }

    private static DeviceRoom of(final Backend backend, final ModelFolder folder, final Predicate<String> isLoaded,
            final long weights, final long inUse) {
        long expected = 0;
        for (final String component : List.of(ModelFolder.TEXT_ENCODER, ModelFolder.VAE)) {
            if (!isLoaded.test(component)) {
                try (WeightSource source = folder.weights(component)) {
                    expected += bytes(source, backend::weightBytes);
                }
            }
        }
        final int pictures = folder.kind().edits() ? 2 : 1;
        final long tokens = PROMPTS * (pictures * folder.recommendedTokens() + TextRequest.MAXIMUM_TOKENS);
        final long activations = QwenImageTransformer2DModel.activationBytes(
                QwenImageConfig.read(folder.config(ModelFolder.TRANSFORMER)), tokens, backend.activationType());
        return new DeviceRoom(backend.memory().budget(), weights, expected, Math.max(activations, inUse));
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
                        + FolderInspection.size(Math.max(0, forDenoiser())) + " are free for them: the memory budget is "
                        + FolderInspection.size(budget) + ", weights take " + FolderInspection.size(weights)
                        + ", text encoder and VAE still to come " + FolderInspection.size(expected) + ", computing "
                        + FolderInspection.size(computing) + ". A larger memory budget or a smaller model helps"));
    }

    private static long bytes(final WeightSource source, final LongUnaryOperator weightBytes) {
        return source.names().stream()
                .mapToLong(name -> weightBytes.applyAsLong(source.info(name).shape().elements())).sum();
    }
}
