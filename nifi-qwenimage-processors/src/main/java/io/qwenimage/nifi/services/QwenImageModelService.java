package io.qwenimage.nifi.services;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.pipeline.QwenImagePipeline;
import org.apache.nifi.controller.ControllerService;

/** Holds a Qwen-Image model and hands out leases on it. */
public interface QwenImageModelService extends ControllerService {
    /**
     * Waits for the model's turn on its device and hands the model out, for one piece of work.
     *
     * @param cancellation asked several times a second while waiting
     * @return to be closed by the caller when the piece of work is done
     * @throws ServiceUnavailableException if the service is not enabled or the device cannot be opened
     * @throws io.qwenimage.weights.WeightException if the model folder is incomplete or damaged
     * @throws io.qwenimage.backend.ResourceExhaustedException if the device has not enough memory
     * @throws java.util.concurrent.CancellationException if the work was called off or the thread interrupted
     */
    ModelLease<QwenImagePipeline> acquire(Cancellation cancellation);
}
