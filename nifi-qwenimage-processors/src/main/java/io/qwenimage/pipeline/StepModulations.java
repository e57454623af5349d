package io.qwenimage.pipeline;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.model.qwenimage.QwenImageTransformer2DModel;
import io.qwenimage.model.qwenimage.QwenImageTransformer2DModel.BlockObserver;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.Arrays;

/**
 * What the times of a request's steps give to the denoiser, computed for as many steps at once as fit into a share of the
 * free memory: for the published model 4.4 MB a step in BF16, all 50 steps of a request in 222 MB.
 */
final class StepModulations {
    /** The rest is left to activations. */
    private static final int SHARE_OF_FREE_MEMORY = 8;

    private final Backend backend;
    private final QwenImageTransformer2DModel model;
    private final Arena arena;
    private final float[] times;
    private final Cancellation cancellation;
    private final int atOnce;
    private final Tensor clean;
    private Arena current;
    private Tensor values;
    private int first;

    /**
     * Computes what the first steps read.
     *
     * @param arena     the owner
     * @param times     of all steps
     * @param first     the first step that is run
     * @param withClean whether some pictures stand at time 0
     */
    StepModulations(final Backend backend, final QwenImageTransformer2DModel model, final Arena arena,
            final float[] times, final int first, final boolean withClean, final Cancellation cancellation) {
        this.backend = backend;
        this.model = model;
        this.arena = arena;
        this.times = times.clone();
        this.cancellation = cancellation;
        final long bytes = model.modulationValues() * backend.activationType().bytes();
        atOnce = Math.clamp(backend.memory().free() / SHARE_OF_FREE_MEMORY / bytes, 1, times.length);
        final int end = Math.min(times.length, first + atOnce);
        if (withClean) {
            final float[] asked = Arrays.copyOf(Arrays.copyOfRange(times, first, end), end - first + 1);
            compute(first, asked); // the last of them is time 0
            clean = arena.allocate(backend.activationType(), Shape.of(model.modulationValues()));
            backend.store(clean, 0, row(end - first));
        } else {
            compute(first, Arrays.copyOfRange(times, first, end));
            clean = null;
        }
    }

    /** What a step's time gives, [values]; steps are asked for in their order. */
    Tensor at(final int step) {
        if (step >= first + atOnce) {
            current.close();
            compute(step, Arrays.copyOfRange(times, step, Math.min(times.length, step + atOnce)));
        }
        return row(step - first);
    }

    /** What time 0 gives, [values], or null. */
    Tensor clean() {
        return clean;
    }

    private void compute(final int step, final float[] asked) {
        first = step;
        current = arena.open("modulation of " + asked.length + " times");
        values = model.modulations(current, cancellation, BlockObserver.NONE, asked);
    }

    private Tensor row(final int index) {
        return backend.slice(values, index * model.modulationValues(), Shape.of(model.modulationValues()));
    }
}
