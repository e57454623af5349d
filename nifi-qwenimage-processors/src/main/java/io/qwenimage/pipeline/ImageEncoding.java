package io.qwenimage.pipeline;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.image.ImageException;
import io.qwenimage.image.ImageSize;
import io.qwenimage.image.PatchLayout;
import io.qwenimage.image.PixelValues;
import io.qwenimage.image.ResampleFilter;
import io.qwenimage.image.Resampling;
import io.qwenimage.image.RgbImage;
import io.qwenimage.image.VaePicture;
import io.qwenimage.model.VisionPreprocessorConfig;
import io.qwenimage.model.qwen25vl.Qwen25VlVisionConfig;
import io.qwenimage.model.qwen25vl.Qwen25VlVisionTower;
import io.qwenimage.model.qwenimagevae.LayerObserver;
import io.qwenimage.model.qwenimagevae.QwenImageEncoder;
import io.qwenimage.model.qwenimagevae.QwenImageVaeConfig;
import io.qwenimage.model.vision.VisionGrid;
import io.qwenimage.model.vision.VisionScopes;
import io.qwenimage.model.vision.VisionTower;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.weights.WeightException;
import io.qwenimage.weights.WeightScope;
import java.util.ArrayList;
import java.util.List;

/** From the pictures of an edit to their two encodings: appearance by the autoencoder, meaning by the vision tower. */
final class ImageEncoding implements Stage {
    private static final int CHANNELS = 3;

    private final Backend backend;
    private final PipelineKind kind;
    private final PatchLayout layout;
    private final QwenImageVaeConfig vaeConfig;
    private final LoadedComponent<VisionTower> visionTower;
    private final LoadedComponent<QwenImageEncoder> encoder;

    ImageEncoding(final ModelFolder folder, final ComponentStore store, final Cancellation cancellation) {
        backend = store.backend();
        kind = folder.kind();
        layout = VisionPreprocessorConfig.read(folder.component(ModelFolder.PROCESSOR));
        vaeConfig = QwenImageVaeConfig.read(folder.config(ModelFolder.VAE));
        final Qwen25VlVisionConfig visionConfig = Qwen25VlVisionConfig.read(folder.config(ModelFolder.TEXT_ENCODER));
        if (layout.patchSamples() != visionConfig.patches().values()) {
            throw new WeightException("model folder " + folder.root() + " cuts pictures into patches of "
                    + layout.patchSamples() + " samples (processor) but its text_encoder takes "
                    + visionConfig.patches().values() + "; download both of the same model");
        }
        visionTower = store.load(folder.component(ModelFolder.TEXT_ENCODER), VisionTower.class, VisionScopes::of,
                scope -> new Qwen25VlVisionTower(scope, visionConfig), cancellation);
        try {
            encoder = store.load(folder.component(ModelFolder.VAE), QwenImageEncoder.class, WeightScope::of,
                    scope -> new QwenImageEncoder(scope, vaeConfig), cancellation);
        } catch (RuntimeException | Error e) {
            visionTower.close();
            throw e;
        }
    }

    /**
     * Encodes pictures.
     *
     * @throws DataException if one has a form that no model sees
     */
    EditPictures encode(final List<RgbImage> images, final Cancellation cancellation) {
        final List<HostTensor> latents = new ArrayList<>();
        final List<HostTensor> embeddings = new ArrayList<>();
        final List<VisionGrid> grids = new ArrayList<>();
        for (final RgbImage image : images) {
            cancellation.check();
            final PixelValues patches = patches(image);
            final VisionGrid grid = new VisionGrid(patches.gridTime(), patches.gridHeight(), patches.gridWidth());
            grids.add(grid);
            embeddings.add(meaning(patches, grid, cancellation));
            latents.add(appearance(image, cancellation));
        }
        return new EditPictures(latents, embeddings, grids);
    }

    @Override
    public void close() {
        visionTower.close();
        encoder.close();
    }

    /** Two resizes, as in the reference: one to the pipeline's size, one to what the tower takes. */
    private PixelValues patches(final RgbImage image) {
        try {
            return layout.patches(Resampling.resize(image, kind.conditionSize(ImageSize.of(image)),
                    ResampleFilter.LANCZOS));
        } catch (ImageException e) {
            throw new DataException(e.getMessage(), e);
        }
    }

    private HostTensor meaning(final PixelValues patches, final VisionGrid grid, final Cancellation cancellation) {
        try (Arena arena = backend.openArena("picture's meaning")) {
            final HostTensor values = HostTensor.ofFloats(Shape.of(patches.patches(), layout.patchSamples()),
                    patches.values());
            return backend.download(visionTower.model().encode(arena, values, List.of(grid), cancellation,
                    VisionTower.BlockObserver.NONE).embeddings()); // [patches / merge^2, D]
        }
    }

    private HostTensor appearance(final RgbImage image, final Cancellation cancellation) {
        final ImageSize size = kind.appearanceSize(ImageSize.of(image));
        final HostTensor picture = HostTensor.ofFloats(Shape.of(CHANNELS, size.height(), size.width()),
                VaePicture.samples(image, size));
        return normalised(encoder.model().forward(picture, cancellation, LayerObserver.NONE)); // [16, H/8, W/8]
    }

    /** (x - mean) / deviation of each channel, {@code _encode_vae_image} of the edit pipelines. */
    private HostTensor normalised(final HostTensor latents) {
        final float[] values = latents.toFloats();
        final int pixels = values.length / vaeConfig.zDim();
        for (int channel = 0; channel < vaeConfig.zDim(); channel++) {
            final float mean = (float) vaeConfig.latentsMean()[channel];
            final float deviation = (float) vaeConfig.latentsStd()[channel];
            for (int i = channel * pixels; i < (channel + 1) * pixels; i++) {
                values[i] = (values[i] - mean) / deviation;
            }
        }
        return HostTensor.ofFloats(latents.shape(), values);
    }
}
