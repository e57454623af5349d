package io.qwenimage.kernels;

import io.qwenimage.kernels.SamplingKernels.Settings;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.stream.IntStream;

/** The distribution from which a token is drawn, by sorting and in double precision, in the order of transformers. */
final class SamplingReference {
    private SamplingReference() {
    }

    static float[] penalised(final float[] logits, final BitSet seen, final float penalty) {
        final float[] result = logits.clone();
        seen.stream().forEach(token -> result[token] = logits[token] > 0 ? logits[token] / penalty
                : logits[token] * penalty);
        return result;
    }

    static int argmax(final float[] logits) {
        int best = 0;
        for (int i = 1; i < logits.length; i++) {
            best = logits[i] > logits[best] ? i : best;
        }
        return best;
    }

    /** Probabilities of all tokens, 0 for those that top-k or top-p leaves out. */
    static double[] probabilities(final float[] penalised, final Settings settings) {
        final Integer[] order = IntStream.range(0, penalised.length).boxed().toArray(Integer[]::new);
        Arrays.sort(order, Comparator.comparing((Integer token) -> -penalised[token] + 0.0f));
        int kept = order.length;
        if (settings.topK() > 0 && settings.topK() < kept) {
            kept = settings.topK();
            while (kept < order.length && penalised[order[kept]] == penalised[order[kept - 1]]) {
                kept++;
            }
        }
        final double[] result = new double[penalised.length];
        double sum = 0;
        for (int i = 0; i < kept; i++) {
            result[order[i]] = Math.exp(((double) penalised[order[i]] - penalised[order[0]]) / settings.temperature());
            sum += result[order[i]];
        }
        double reached = 0;
        int count = 0;
        while (count < kept && (settings.topP() >= 1 || reached < settings.topP() * sum)) {
            reached += result[order[count++]];
        }
        for (int i = count; i < kept; i++) {
            result[order[i]] = 0;
        }
        for (int i = 0; i < count; i++) {
            result[order[i]] /= reached;
        }
        return result;
    }
}
