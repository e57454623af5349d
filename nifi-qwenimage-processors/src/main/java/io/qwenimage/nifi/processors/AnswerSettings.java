package io.qwenimage.nifi.processors;

import io.qwenimage.generation.SamplingSettings;
import io.qwenimage.pipeline.ChatRequest;
import io.qwenimage.pipeline.DataException;
import java.math.BigDecimal;
import java.security.SecureRandom;
import java.util.List;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.expression.ExpressionLanguageScope;

/**
 * How long an answer may be and how its tokens are chosen.
 *
 * @param maxNewTokens longest answer in tokens
 * @param sampling     null for the best token each time, with the penalty that the model recommends
 */
record AnswerSettings(int maxNewTokens, SamplingSettings sampling) {
    private static final NumberRange TOKENS = NumberRange.whole(1, ChatRequest.MAXIMUM_NEW_TOKENS);
    private static final NumberRange TEMPERATURES = NumberRange.real(0.001, 100);
    private static final NumberRange RANKS = NumberRange.whole(0, 1_000_000);
    private static final NumberRange SHARES = NumberRange.real(0.001, 1);
    private static final NumberRange PENALTIES = NumberRange.real(0.01, 100);
    private static final NumberRange SEEDS = NumberRange.whole(Long.MIN_VALUE, Long.MAX_VALUE);
    /** A drawn seed is below this: torch's generator reads 32 bits of a seed. */
    private static final long DRAWN_SEEDS = 1L << 32;

    static final PropertyDescriptor MAXIMUM_NEW_TOKENS = optional("Maximum New Tokens", TOKENS,
            "Longest answer in tokens; a longer one is cut off there, and qwenimage.answer.finished is false.")
            .required(true)
            .defaultValue("512")
            .build();
    static final PropertyDescriptor TEMPERATURE = optional("Temperature", TEMPERATURES,
            "Tokens are drawn, the likely ones more often below 1 and less often above. Empty: nothing is drawn, the "
                    + "best token is taken each time, and the same question gets the same answer.").build();
    static final PropertyDescriptor TOP_K = optional("Top K", RANKS,
            "Tokens are drawn from so many of the best. Empty or 0: from all.").dependsOn(TEMPERATURE).build();
    static final PropertyDescriptor TOP_P = optional("Top P", SHARES,
            "Tokens are drawn from the best ones that together have this probability. Empty or 1: from all.")
            .dependsOn(TEMPERATURE).build();
    static final PropertyDescriptor SEED = optional("Seed", SEEDS,
            "Seed of the draws: the same seed gives the same answer. Empty: drawn, and recorded in qwenimage.seed.")
            .dependsOn(TEMPERATURE).build();
    static final PropertyDescriptor REPETITION_PENALTY = optional("Repetition Penalty", PENALTIES,
            "Above 1 discourages words that were said or asked already. Empty: what the model recommends if the best "
                    + "token is taken each time, else 1.").build();

    /** All of them, in the order in which they are shown. */
    static final List<PropertyDescriptor> PROPERTIES =
            List.of(MAXIMUM_NEW_TOKENS, TEMPERATURE, TOP_K, TOP_P, SEED, REPETITION_PENALTY);

    /**
     * Reads the properties.
     *
     * @throws DataException if one is outside its range
     */
    static AnswerSettings read(final StageAttributes.Values values) {
        final BigDecimal tokens = number(TOKENS, MAXIMUM_NEW_TOKENS, values);
        if (tokens == null) {
            throw new DataException("Maximum New Tokens is empty; say how long an answer may be");
        }
        final BigDecimal temperature = number(TEMPERATURES, TEMPERATURE, values);
        final BigDecimal penalty = number(PENALTIES, REPETITION_PENALTY, values);
        return new AnswerSettings(tokens.intValue(), temperature == null ? greedy(penalty)
                : drawn(temperature, penalty, values));
    }

    /** Whether tokens are drawn. */
    boolean draws() {
        return sampling != null && sampling.doSample();
    }

    /** What it amounts to, in words. */
    String describe() {
        return "answers of up to " + maxNewTokens + " tokens, " + (draws() ? "drawn at temperature "
                + sampling.temperature() : "the best token each time");
    }

    private static SamplingSettings greedy(final BigDecimal penalty) {
        return penalty == null ? null : new SamplingSettings(false, 1, 0, 1, penalty.doubleValue(), 0);
    }

    private static SamplingSettings drawn(final BigDecimal temperature, final BigDecimal penalty,
            final StageAttributes.Values values) {
        final BigDecimal topK = number(RANKS, TOP_K, values);
        final BigDecimal topP = number(SHARES, TOP_P, values);
        final BigDecimal seed = number(SEEDS, SEED, values);
        return new SamplingSettings(true, temperature.doubleValue(), topK == null ? 0 : topK.intValue(),
                topP == null ? 1 : topP.doubleValue(), penalty == null ? 1 : penalty.doubleValue(),
                seed == null ? new SecureRandom().nextLong(DRAWN_SEEDS) : seed.longValue());
    }

    private static BigDecimal number(final NumberRange range, final PropertyDescriptor property,
            final StageAttributes.Values values) {
        return range.read(property.getName(), values.of(property));
    }

    private static PropertyDescriptor.Builder optional(final String name, final NumberRange range,
            final String description) {
        return new PropertyDescriptor.Builder()
                .name(name)
                .description(description)
                .expressionLanguageSupported(ExpressionLanguageScope.FLOWFILE_ATTRIBUTES)
                .addValidator(range);
    }
}
