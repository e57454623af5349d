package io.qwenimage.pipeline;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.image.RgbImage;

/**
 * Text to image in three durable stages, each from a bundle to a bundle, and editing with one more before them; the only
 * entry to the engine. Components are loaded when a stage first needs them. Safe for use by several threads; how many
 * run at once is the caller's affair.
 *
 * <p>All stages throw {@link DataException} for a fault of the input,
 * {@link io.qwenimage.backend.ResourceExhaustedException} for a lack of memory,
 * {@link io.qwenimage.weights.WeightException} for a damaged model folder and
 * {@link java.util.concurrent.CancellationException} when the work was called off.
 */
public interface QwenImagePipeline extends AutoCloseable {
    /** What is known of the model. */
    ModelCard card();

    /**
     * Encodes the pictures that an edit begins with, each for its appearance and for its meaning.
     *
     * @return a bundle with {@code image_latents.<k> [16, h/8, w/8]} and {@code vision_embeds.<k> [n, d]} of picture k,
     *         F32, {@code image_grid_thw [pictures, 3]}, I64, and in its metadata {@code pictures}, {@code picture.<k>}
     *         (the size that came in) and {@code output_width}, {@code output_height}: the size that
     *         {@link #denoise} chooses unless told otherwise
     * @throws DataException if the model takes no pictures, or not so many
     */
    Bundle encodeImage(ImageRequest request, Cancellation cancellation);

    /**
     * Encodes a prompt, and a negative prompt if there is one, together with pictures.
     *
     * @param pictures what {@link #encodeImage} made
     * @return that bundle with {@code prompt_embeds} and {@code negative_prompt_embeds} added
     */
    Bundle encodeText(Bundle pictures, TextRequest request, Cancellation cancellation);

    /**
     * Encodes a prompt, and a negative prompt if there is one, for a model that needs no pictures.
     *
     * @return a bundle with {@code prompt_embeds [n, d]} and, with a negative prompt, {@code negative_prompt_embeds
     *         [m, d]}, F32
     * @throws DataException if the model edits pictures and therefore needs some
     */
    Bundle encodeText(TextRequest request, Cancellation cancellation);

    /**
     * Denoises seeded noise under the guidance of the bundle's embeddings.
     *
     * @param bundle what {@link #encodeText} made
     * @return a bundle with {@code latents [16, h/8, w/8]}, F32, and the request's values in its metadata
     */
    Bundle denoise(Bundle bundle, DenoiseRequest request, StepListener listener, Cancellation cancellation);

    /**
     * Decodes latents.
     *
     * @param bundle what {@link #denoise} made
     */
    RgbImage decode(Bundle bundle, Cancellation cancellation);

    /**
     * Which of the denoiser's weights are streamed from the host's memory, in words; empty if all stay on the device,
     * or none has been loaded yet.
     */
    default String residency() {
        return "";
    }

    /** Frees the model's weights. */
    @Override
    void close();
}
