package io.qwenimage.generation;

import java.util.Arrays;
import java.util.BitSet;
import java.util.SplittableRandom;

/**
 * Chooses one token after the other. The order of the steps is that of transformers: repetition penalty, temperature,
 * top-k, top-p. Belongs to one answer.
 */
public final class TokenChooser {
    private final SamplingSettings settings;
    private final SplittableRandom random;
    private final BitSet seen = new BitSet();

    /**
     * Begins an answer.
     *
     * @param prompt tokens that the repetition penalty counts as seen
     */
    public TokenChooser(final SamplingSettings settings, final int... prompt) {
        this.settings = settings;
        this.random = new SplittableRandom(settings.seed());
        for (final int token : prompt) {
            seen.set(token);
        }
    }

    /**
     * Chooses the next token.
     *
     * @param logits [vocabulary]; changed by this
     */
    public int choose(final float[] logits) {
        penalise(logits);
        final int token = settings.doSample() ? drawn(probabilities(logits)) : best(logits);
        seen.set(token);
        return token;
    }

    /**
     * What is drawn from after temperature, top-k and top-p: probabilities that sum to 1, most of them 0.
     *
     * @param logits [vocabulary], penalised already
     */
    double[] probabilities(final float[] logits) {
        final double[] scores = new double[logits.length];
        for (int i = 0; i < scores.length; i++) {
            scores[i] = logits[i] / settings.temperature();
        }
        final int[] order = bestFirst(logits);
        int kept = order.length;
        if (settings.topK() > 0 && settings.topK() < kept) {
            kept = settings.topK();
            // Tokens as likely as the last one that is kept are kept too.
            while (kept < order.length && scores[order[kept]] == scores[order[kept - 1]]) {
                kept++;
            }
        }
        final double[] probabilities = softmax(scores, order, kept);
        return settings.topP() < 1 ? nucleus(probabilities, order, kept) : probabilities;
    }

    /** Divides positive and multiplies negative logits of tokens that were seen. */
    void penalise(final float[] logits) {
        if (settings.repetitionPenalty() == 1) {
            return;
        }
        final float penalty = (float) settings.repetitionPenalty();
        for (int token = seen.nextSetBit(0); token >= 0 && token < logits.length; token = seen.nextSetBit(token + 1)) {
            logits[token] = logits[token] > 0 ? logits[token] / penalty : logits[token] * penalty;
        }
    }

    /** Tokens by falling logit, equal ones by rising number; sorted as whole numbers, which a vocabulary needs. */
    private static int[] bestFirst(final float[] logits) {
        final long[] keys = new long[logits.length];
        for (int i = 0; i < keys.length; i++) {
            final int bits = Float.floatToIntBits(logits[i]);
            // Flipped so that the order of the bits is that of the numbers, then turned round.
            final int rising = bits >= 0 ? bits : bits ^ Integer.MAX_VALUE;
            keys[i] = (long) ~rising << Integer.SIZE | i;
        }
        Arrays.sort(keys);
        return Arrays.stream(keys).mapToInt(key -> (int) key).toArray();
    }

    /** The smallest set of best tokens that has the wanted probability, at least one token. */
    private double[] nucleus(final double[] probabilities, final int[] order, final int kept) {
        double sum = 0;
        int count = 0;
        while (count < kept && sum < settings.topP()) {
            sum += probabilities[order[count++]];
        }
        final double[] result = new double[probabilities.length];
        for (int i = 0; i < count; i++) {
            result[order[i]] = probabilities[order[i]] / sum;
        }
        return result;
    }

    private int drawn(final double[] probabilities) {
        double rest = random.nextDouble();
        int last = 0;
        for (int i = 0; i < probabilities.length; i++) {
            if (probabilities[i] > 0) {
                last = i;
                rest -= probabilities[i];
                if (rest < 0) {
                    return i;
                }
            }
        }
        return last;
    }

    private static double[] softmax(final double[] scores, final int[] order, final int kept) {
        final double[] result = new double[scores.length];
        double sum = 0;
        for (int i = 0; i < kept; i++) {
            result[order[i]] = Math.exp(scores[order[i]] - scores[order[0]]);
            sum += result[order[i]];
        }
        for (int i = 0; i < kept; i++) {
            result[order[i]] /= sum;
        }
        return result;
    }

    private static int best(final float[] logits) {
        int best = 0;
        for (int i = 1; i < logits.length; i++) {
            best = logits[i] > logits[best] ? i : best;
        }
        return best;
    }
}
