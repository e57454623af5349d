package io.qwenimage.generation;

/**
 * How the next token is chosen, in the terms of transformers' {@code GenerationConfig}.
 *
 * @param doSample          false for the best token each time
 * @param temperature       logits are divided by it; below 1 favours likely tokens
 * @param topK              only so many of the best tokens are drawn from; 0 for all
 * @param topP              only the best tokens that together have this probability are drawn from; 1 for all
 * @param repetitionPenalty above 1 discourages tokens that were seen, in the prompt too; acts without sampling as well
 * @param seed              of the draws
 */
public record SamplingSettings(boolean doSample, double temperature, int topK, double topP,
        double repetitionPenalty, long seed) {
    /** The best token each time. */
    public static final SamplingSettings GREEDY = new SamplingSettings(false, 1, 0, 1, 1, 0);

    /**
     * Checks the values.
     *
     * @throws IllegalArgumentException naming the value and what is accepted
     */
    public SamplingSettings {
        require("temperature", temperature, temperature > 0 && Double.isFinite(temperature), "a positive number");
        require("top_k", topK, topK >= 0, "0 or a positive number");
        require("top_p", topP, topP > 0 && topP <= 1, "a number above 0 and up to 1");
        require("repetition_penalty", repetitionPenalty, repetitionPenalty > 0 && Double.isFinite(repetitionPenalty),
                "a positive number");
    }

    /** The same without sampling: what is left is the penalty. */
    public SamplingSettings greedy() {
        return new SamplingSettings(false, temperature, topK, topP, repetitionPenalty, seed);
    }

    /** The same with another seed. */
    public SamplingSettings withSeed(final long otherSeed) {
        return new SamplingSettings(doSample, temperature, topK, topP, repetitionPenalty, otherSeed);
    }

    private static void require(final String name, final double value, final boolean accepted, final String what) {
        if (!accepted) {
            throw new IllegalArgumentException(name + " is " + value + "; accepted is " + what);
        }
    }
}
