package io.qwenimage.diffusion;

import io.qwenimage.diffusion.FlowMatchEulerConfig.TimeShift;
import io.qwenimage.model.ConfigFile;
import java.util.function.DoubleUnaryOperator;

/**
 * Computes the schedule that {@code QwenImagePipeline} gets from {@code FlowMatchEulerDiscreteScheduler} of diffusers
 * ({@code schedulers/scheduling_flow_match_euler_discrete.py}), rounding where NumPy and torch round: sigmas are F32
 * from the first shift on, and F64 only within a respacing. Immutable.
 */
public final class FlowMatchEulerDiscreteScheduler {
    /** Steps beyond the number of training timesteps mean nothing; this bounds memory in any case. */
    public static final int MAXIMUM_STEPS = 10_000;

    private static final double KARRAS_RHO = 7;
    private static final double BETA_PARAMETER = 0.6;

    private final FlowMatchEulerConfig config;

    public FlowMatchEulerDiscreteScheduler(final FlowMatchEulerConfig config) {
        this.config = config;
    }

    /** The scheduler of a scheduler_config.json; see {@link FlowMatchEulerConfig#read}. */
    public static FlowMatchEulerDiscreteScheduler read(final ConfigFile file) {
        return new FlowMatchEulerDiscreteScheduler(FlowMatchEulerConfig.read(file));
    }

    /** What the scheduler was made from. */
    public FlowMatchEulerConfig config() {
        return config;
    }

    /**
     * The schedule for a picture.
     *
     * @param steps               number of inference steps
     * @param imageSequenceLength tokens of the picture: height/16 * width/16
     * @throws IllegalArgumentException if steps is not from 1 to {@value #MAXIMUM_STEPS}, or is 1 while the
     *                                  configuration has a shift_terminal: the reference divides by zero there; and if
     *                                  the shift leaves no finite schedule
     */
    public Schedule schedule(final int steps, final int imageSequenceLength) {
        if (steps < 1 || steps > MAXIMUM_STEPS) {
            throw new IllegalArgumentException("the number of inference steps is " + steps
                    + "; accepted is 1 to " + MAXIMUM_STEPS + ", usual is 4 to 50");
        }
        if (steps == 1 && config.shiftTerminal() != 0) {
            throw new IllegalArgumentException("the number of inference steps is 1, but this model's scheduler "
                    + "stretches its schedule to shift_terminal " + config.shiftTerminal()
                    + ", which takes at least 2; ask for 2 steps or more");
        }
        final float[] sigmas = respace(stretch(shift(linspace(1, 1.0 / steps, steps), imageSequenceLength)));
        final float[] timesteps = new float[steps];
        final float[] levels = new float[steps + 1];
        for (int i = 0; i < steps; i++) {
            levels[i] = config.invertSigmas() ? 1 - sigmas[i] : sigmas[i];
            timesteps[i] = levels[i] * config.numTrainTimesteps();
            if (!Float.isFinite(levels[i])) {
                throw new IllegalArgumentException("sigma " + i + " of " + steps + " is " + levels[i] + " for "
                        + imageSequenceLength + " tokens under " + config
                        + "; ask for a smaller picture or mend scheduler_config.json");
            }
        }
        levels[steps] = config.invertSigmas() ? 1 : 0;
        return new Schedule(timesteps, levels);
    }

    private float[] shift(final double[] sigmas, final int imageSequenceLength) {
        final float[] shifted = new float[sigmas.length];
        final double mu = mu(imageSequenceLength);
        final float numerator = (float) (config.timeShift() == TimeShift.LINEAR ? mu : Math.exp(mu));
        final float shift = (float) config.shift();
        final float excess = (float) (config.shift() - 1);
        for (int i = 0; i < sigmas.length; i++) {
            final float sigma = (float) sigmas[i];
            shifted[i] = config.useDynamicShifting() ? numerator / (numerator + (1 / sigma - 1))
                    : shift * sigma / (1 + excess * sigma);
        }
        return shifted;
    }

    /** {@code calculate_shift} of {@code pipeline_qwenimage.py}: linear in the number of tokens, beyond the end too. */
    private double mu(final int imageSequenceLength) {
        final double slope = (config.maxShift() - config.baseShift())
                / (config.maxImageSeqLen() - config.baseImageSeqLen());
        return imageSequenceLength * slope + (config.baseShift() - slope * config.baseImageSeqLen());
    }

    private float[] stretch(final float[] sigmas) {
        if (config.shiftTerminal() == 0) {
            return sigmas;
        }
        final float scale = (1 - sigmas[sigmas.length - 1]) / (float) (1 - config.shiftTerminal());
        final float[] stretched = new float[sigmas.length];
        for (int i = 0; i < sigmas.length; i++) {
            stretched[i] = 1 - (1 - sigmas[i]) / scale;
        }
        return stretched;
    }

    private float[] respace(final float[] sigmas) {
        final int count = sigmas.length;
        final double first = sigmas[0];
        final double last = sigmas[count - 1];
        return switch (config.spacing()) {
            case SHIFTED -> sigmas;
            case KARRAS -> {
                final double from = Math.pow(first, 1 / KARRAS_RHO);
                final double to = Math.pow(last, 1 / KARRAS_RHO);
                yield floats(linspace(0, 1, count), ramp -> Math.pow(from + ramp * (to - from), KARRAS_RHO));
            }
            case EXPONENTIAL -> floats(linspace(Math.log(first), Math.log(last), count), Math::exp);
            case BETA -> {
                final BetaDistribution distribution = new BetaDistribution(BETA_PARAMETER);
                yield floats(linspace(0, 1, count),
                        ramp -> last + distribution.quantile(1 - ramp) * (first - last));
            }
        };
    }

    private static float[] floats(final double[] values, final DoubleUnaryOperator function) {
        final float[] results = new float[values.length];
        for (int i = 0; i < results.length; i++) {
            results[i] = (float) function.applyAsDouble(values[i]);
        }
        return results;
    }

    /** {@code np.linspace(first, last, count)} with NumPy's order of operations. */
    private static double[] linspace(final double first, final double last, final int count) {
        final double[] values = new double[count];
        final double step = count == 1 ? 0 : (last - first) / (count - 1);
        for (int i = 0; i < count; i++) {
            values[i] = i * step + first;
        }
        if (count > 1) {
            values[count - 1] = last;
        }
        return values;
    }
}
