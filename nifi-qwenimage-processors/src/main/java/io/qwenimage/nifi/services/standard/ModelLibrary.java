package io.qwenimage.nifi.services.standard;

import io.qwenimage.backend.Backend;
import io.qwenimage.pipeline.ComponentStore;
import io.qwenimage.pipeline.VerificationStep;
import java.nio.file.Path;
import java.util.List;

/**
 * What a model service asks of the engine.
 *
 * @param <P> the kind of pipeline
 */
interface ModelLibrary<P> {
    /**
     * The folder of the embedded demo model, unpacked if it is not yet.
     *
     * @throws io.qwenimage.weights.WeightException if it cannot be unpacked
     */
    Path demoFolder();

    /**
     * Looks a model folder through without reading weights.
     *
     * @param backend where the model is to run
     * @return findings in words, in the order in which they were made
     */
    List<VerificationStep> inspect(Path folder, Backend backend);

    /**
     * Opens a model; weights are read when a stage first needs them.
     *
     * @param components of the device; must stay usable as long as the pipeline
     * @return owned by the caller
     */
    P open(Path folder, ComponentStore components);
}
