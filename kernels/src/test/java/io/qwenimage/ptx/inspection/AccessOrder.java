package io.qwenimage.ptx.inspection;

/** What is known of the order of one participant's accesses against those of all others. */
public interface AccessOrder {
    /** Number of the participant in its cluster's clocks. */
    int participant();

    VectorClock clock();

    /** Whether the two lanes of the participant have met at a warp-wide instruction since that time. */
    boolean lanesSynchronisedSince(int lane, int other, int time);
}
