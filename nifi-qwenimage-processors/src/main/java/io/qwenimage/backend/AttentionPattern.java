package io.qwenimage.backend;

import java.util.Arrays;

/**
 * Which keys each query sees. Sequences of different lengths lie one after the other without padding; a query sees
 * keys of its own sequence only.
 *
 * @param causal       whether query i of a sequence sees keys up to i + (keys - queries) of it only
 * @param queryOffsets sequence s has the queries from queryOffsets[s] to queryOffsets[s+1]; null for one sequence
 * @param keyOffsets   the same for keys; null for one sequence
 */
public record AttentionPattern(boolean causal, int[] queryOffsets, int[] keyOffsets) {
    /** Every query sees every key: joint attention over text and picture. */
    public static final AttentionPattern FULL = new AttentionPattern(false, null, null);
    /** Language-model attention over one sequence; with fewer queries than keys, the queries are the last ones. */
    public static final AttentionPattern CAUSAL = new AttentionPattern(true, null, null);

    /** Attention within sequences only, as in the windows of a vision tower; offsets as "cu_seqlens". */
    public static AttentionPattern within(final int[] offsets) {
        return new AttentionPattern(false, offsets.clone(), offsets.clone());
    }

    @Override
    public boolean equals(final Object other) {
        return other instanceof AttentionPattern pattern && causal == pattern.causal
                && Arrays.equals(queryOffsets, pattern.queryOffsets) && Arrays.equals(keyOffsets, pattern.keyOffsets);
    }

    @Override
    public int hashCode() {
        return 31 * (31 * Boolean.hashCode(causal) + Arrays.hashCode(queryOffsets)) + Arrays.hashCode(keyOffsets);
    }

    @Override
    public String toString() {
        return (causal ? "causal" : "full") + (queryOffsets == null ? "" : Arrays.toString(queryOffsets));
    }
}
