package io.qwenimage.diffusion;

import io.qwenimage.model.ConfigFile;
import io.qwenimage.weights.WeightException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The scheduler_config.json of {@code FlowMatchEulerDiscreteScheduler}, with diffusers' defaults for absent keys.
 *
 * @param numTrainTimesteps  scale of the timesteps
 * @param shift              static shift, in force without dynamic shifting
 * @param useDynamicShifting whether the shift depends on the picture's size
 * @param baseShift          mu at {@code baseImageSeqLen} tokens
 * @param maxShift           mu at {@code maxImageSeqLen} tokens
 * @param baseImageSeqLen    in tokens
 * @param maxImageSeqLen     in tokens
 * @param invertSigmas       whether noise levels run upwards
 * @param shiftTerminal      what the last sigma is stretched to; 0 for no stretch
 * @param spacing            how sigmas are respaced between the first and the last
 * @param timeShift          form of dynamic shifting
 */
public record FlowMatchEulerConfig(int numTrainTimesteps, double shift, boolean useDynamicShifting, double baseShift,
        double maxShift, int baseImageSeqLen, int maxImageSeqLen, boolean invertSigmas, double shiftTerminal,
        Spacing spacing, TimeShift timeShift) {
    /** How sigmas lie between the first and the last. */
    public enum Spacing {
        /** As shifted. */
        SHIFTED,
        /** After Karras et al., rho 7. */
        KARRAS,
        /** Even in the logarithm. */
        EXPONENTIAL,
        /** Quantiles of the beta distribution with both parameters 0.6. */
        BETA
    }

    /** Form of dynamic shifting. */
    public enum TimeShift {
        /** exp(mu) / (exp(mu) + 1/t - 1). */
        EXPONENTIAL,
        /** mu / (mu + 1/t - 1). */
        LINEAR
    }

    private static final String CLASS_NAME = "FlowMatchEulerDiscreteScheduler";

    /**
     * Reads a scheduler_config.json.
     *
     * @throws WeightException if it belongs to another scheduler, contradicts itself, or asks for stochastic
     *                         sampling, whose noise this engine does not draw; the message names the key and its value
     */
    public static FlowMatchEulerConfig read(final ConfigFile file) {
        file.choiceAt("_class_name", CLASS_NAME, List.of(CLASS_NAME));
        final int baseImageSeqLen = file.countAt("base_image_seq_len", 256);
        final int maxImageSeqLen = file.countAt("max_image_seq_len", 4096);
        if (baseImageSeqLen == maxImageSeqLen) {
            throw file.refusal("max_image_seq_len", "a number other than base_image_seq_len, " + baseImageSeqLen);
        }
        final double shiftTerminal = file.doubleAt("shift_terminal", 0);
        if (shiftTerminal < 0 || shiftTerminal >= 1) {
            throw file.refusal("shift_terminal", "null or a number from 0 to less than 1");
        }
        final double shift = file.doubleAt("shift", 1);
        if (shift <= 0) {
            throw file.refusal("shift", "a number greater than 0");
        }
        if (file.booleanAt("stochastic_sampling", false)) {
            throw file.refusal("stochastic_sampling", "false, as Qwen-Image is published");
        }
        final String timeShift = file.choiceAt("time_shift_type", "exponential", List.of("exponential", "linear"));
        return new FlowMatchEulerConfig(file.countAt("num_train_timesteps", 1000), shift,
                file.booleanAt("use_dynamic_shifting", false), file.doubleAt("base_shift", 0.5),
                file.doubleAt("max_shift", 1.15), baseImageSeqLen, maxImageSeqLen,
                file.booleanAt("invert_sigmas", false), shiftTerminal, spacing(file),
                timeShift.equals("linear") ? TimeShift.LINEAR : TimeShift.EXPONENTIAL);
    }

    private static Spacing spacing(final ConfigFile file) {
        final Map<String, Spacing> keys = new LinkedHashMap<>();
        keys.put("use_karras_sigmas", Spacing.KARRAS);
        keys.put("use_exponential_sigmas", Spacing.EXPONENTIAL);
        keys.put("use_beta_sigmas", Spacing.BETA);
        String chosen = null;
        for (final String key : keys.keySet()) {
            if (file.booleanAt(key, false)) {
                if (chosen != null) {
                    throw file.refusal(key, "false, because " + chosen + " is true");
                }
                chosen = key;
            }
        }
        return chosen == null ? Spacing.SHIFTED : keys.get(chosen);
    }
}
