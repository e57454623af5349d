package io.qwenimage.ptx.execution;

/** Where lanes that diverged wait for each other. The return from a function call is one, too. */
final class Reconvergence {
    /** A position that no path reaches by itself. */
    static final int NEVER = -1;

    final int position;
    final Frame frame;
    final Reconvergence outer;
    /** Whether lanes arrive by returning from the frame instead of reaching the position. */
    final boolean call;
    /** Lanes that are still expected or have arrived. */
    int members;
    int arrived;

    Reconvergence(final int position, final Frame frame, final Reconvergence outer, final boolean call,
                  final int members) {
        this.position = position;
        this.frame = frame;
        this.outer = outer;
        this.call = call;
        this.members = members;
    }

    boolean isComplete() {
        return arrived == members;
    }
}
