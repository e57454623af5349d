package io.qwenimage.ptx.inspection;

import java.util.Arrays;

/**
 * What one warp knows of the progress of every warp (and of the asynchronous proxy) of its cluster: component i is the
 * latest time of participant i whose accesses are known to have happened before. See Lamport, "Time, clocks, and the
 * ordering of events in a distributed system", and FastTrack (Flanagan and Freund, 2009) for its use against races.
 */
public final class VectorClock {
    private final int[] times;
    private final int[] fenced;

    public VectorClock(final int participants) {
        this.times = new int[participants];
        this.fenced = new int[participants];
    }

    public int participants() {
        return times.length;
    }

    public int time(final int participant) {
        return times[participant];
    }

    /** Begins a new period of the participant's own time. */
    public void tick(final int participant) {
        times[participant]++;
    }

    /**
     * A proxy fence: all that is known to have happened before is from now on visible to the asynchronous proxy, too.
     */
    public void fenceProxy() {
        System.arraycopy(times, 0, fenced, 0, times.length);
    }

    /** The latest time of a participant whose accesses are visible to the asynchronous proxy. */
    public int fencedTime(final int participant) {
        return fenced[participant];
    }

    /** Learns all that the other clock knows. */
    public void join(final VectorClock other) {
        for (int i = 0; i < times.length; i++) {
            times[i] = Math.max(times[i], other.times[i]);
            fenced[i] = Math.max(fenced[i], other.fenced[i]);
        }
    }

    public VectorClock copy() {
        final VectorClock copy = new VectorClock(times.length);
        System.arraycopy(times, 0, copy.times, 0, times.length);
        System.arraycopy(fenced, 0, copy.fenced, 0, fenced.length);
        return copy;
    }

    public void clear() {
        Arrays.fill(times, 0);
        Arrays.fill(fenced, 0);
    }
}
