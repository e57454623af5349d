package io.qwenimage.nifi.services.standard;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.image.RgbImage;
import io.qwenimage.nifi.services.ModelLease;
import io.qwenimage.nifi.services.QwenImageModelService;
import io.qwenimage.nifi.services.TinyForward;
import io.qwenimage.pipeline.ModelCard;
import io.qwenimage.pipeline.QwenImagePipeline;
import java.lang.ref.WeakReference;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.nifi.annotation.documentation.CapabilityDescription;
import org.apache.nifi.annotation.documentation.SeeAlso;
import org.apache.nifi.annotation.documentation.Tags;
import org.apache.nifi.components.PropertyDescriptor;

@Tags({"qwen", "image", "diffusion", "model", "weights"})
@SeeAlso({CpuComputeDeviceService.class, CudaComputeDeviceService.class,
    StandardQwenVisionLanguageModelService.class})
@CapabilityDescription("Holds a Qwen-Image model and lends it to processors. Weights are loaded when a processor first "
        + "needs them.")
public class StandardQwenImageModelService extends AbstractModelService<QwenImagePipeline>
        implements QwenImageModelService {
    static final PropertyDescriptor MODEL_FOLDER = modelFolder("The folder that holds model_index.json.");

    private final AtomicReference<WeakReference<QwenImagePipeline>> told =
            new AtomicReference<>(new WeakReference<>(null));

    public StandardQwenImageModelService() {
        this(new PipelineLibrary());
    }

    StandardQwenImageModelService(final ModelLibrary<QwenImagePipeline> library) {
        super(library, QwenImagePipeline::close, MODEL_FOLDER);
    }

    @Override
    public ModelLease<QwenImagePipeline> acquire(final Cancellation cancellation) {
        final ModelLease<QwenImagePipeline> lease = super.acquire(cancellation);
        final QwenImagePipeline pipeline = lease.pipeline();
        return new ModelLease<>() {
            @Override
            public QwenImagePipeline pipeline() {
                return lease.pipeline();
            }

            @Override
            public void close() {
                try {
                    tellResidency(pipeline);
                } finally {
                    lease.close();
                }
            }
        };
    }

    /** Says once of each model that is loaded what of it is streamed; known after the first use of its denoiser. */
    private void tellResidency(final QwenImagePipeline pipeline) {
        final String residency = pipeline.residency();
        if (!residency.isEmpty() && told.getAndSet(new WeakReference<>(pipeline)).get() != pipeline) {
            getLogger().info("{}", residency);
        }
    }

    @Override
    String tryOut(final QwenImagePipeline pipeline) {
        final RgbImage picture = new TinyForward(pipeline).decode();
        final ModelCard card = pipeline.card();
        return card.displayName() + " encoded a prompt, did two steps and decoded a picture of " + picture.width()
                + " x " + picture.height() + " pixels"
                + (card.trained() ? "" : "; its weights are random: the picture shows nothing")
                + (pipeline.residency().isEmpty() ? "" : "; " + pipeline.residency());
    }
}
