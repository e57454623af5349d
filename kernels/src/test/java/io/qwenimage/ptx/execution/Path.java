package io.qwenimage.ptx.execution;

/** Lanes of a warp that are at the same place: a program counter, a call frame and where they wait for others. */
final class Path {
    int position;
    int mask;
    Frame frame;
    Reconvergence target;
    Wait wait;

    Path(final int position, final int mask, final Frame frame, final Reconvergence target) {
        this.position = position;
        this.mask = mask;
        this.frame = frame;
        this.target = target;
    }

    /** The position at which the path has to wait for others, or one that is never reached. */
    int meetingPosition() {
        return target != null && target.frame == frame ? target.position : Reconvergence.NEVER;
    }
}
