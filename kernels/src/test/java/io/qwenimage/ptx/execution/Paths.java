package io.qwenimage.ptx.execution;

import io.qwenimage.ptx.instruction.DecodedFunction;
import io.qwenimage.ptx.instruction.DecodedInstruction;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * The paths of a warp. Lanes that diverge wait for each other at the branch's immediate postdominator, as a compiler
 * for real devices makes them; among the paths that can run, chance decides.
 */
final class Paths {
    private final Warp warp;
    private final SplittableRandom random;
    private final List<Path> paths = new ArrayList<>(2);
    private Path current;
    private int liveMask;

    Paths(final Warp warp, final Frame frame, final int mask) {
        this.warp = warp;
        this.random = warp.cluster().random();
        this.liveMask = mask;
        this.current = new Path(0, mask, frame, null);
        paths.add(current);
    }

    Path current() {
        return current;
    }

    int liveMask() {
        return liveMask;
    }

    void deselect() {
        current = null;
    }

    /** Makes sure that the current path can run, or finds another; false when none can. */
    boolean select() {
        if (current != null && isReady(current)) {
            return true;
        }
        current = null;
        if (paths.isEmpty()) {
            return false;
        }
        final int start = paths.size() == 1 ? 0 : random.nextInt(paths.size());
        for (int i = 0; i < paths.size(); i++) {
            final Path path = paths.get((start + i) % paths.size());
            if (isReady(path)) {
                current = path;
                return true;
            }
        }
        return false;
    }

    boolean hasReady() {
        for (final Path path : paths) {
            if (isReady(path)) {
                return true;
            }
        }
        return false;
    }

    private static boolean isReady(final Path path) {
        if (path.wait == null) {
            return true;
        }
        if (path.wait.condition().getAsBoolean()) {
            path.wait = null;
            return true;
        }
        return false;
    }

    void branch(final int target, final int taken, final int reconvergence) {
        if (taken == current.mask) {
            current.position = target;
        } else if (taken == 0) {
            current.position++;
        } else {
            final Path path = current;
            final Reconvergence meet = diverge(path, reconvergence);
            add(new Path(target, taken, path.frame, meet));
            add(new Path(path.position + 1, path.mask & ~taken, path.frame, meet));
        }
    }

    void branchIndexed(final int[] targets, final int mask, final int reconvergence) {
        final Path path = current;
        final Reconvergence meet = diverge(path, reconvergence);
        int left = path.mask;
        while (left != 0) {
            final int first = Integer.numberOfTrailingZeros(left);
            final boolean jumps = (mask >>> first & 1) != 0;
            int together = 0;
            for (int lane = first; lane < Warp.LANES; lane++) {
                final boolean same = jumps ? (mask >>> lane & 1) != 0 && targets[lane] == targets[first]
                    : (mask >>> lane & 1) == 0;
                if (same && (left >>> lane & 1) != 0) {
                    together |= 1 << lane;
                }
            }
            left &= ~together;
            add(new Path(jumps ? targets[first] : path.position + 1, together, path.frame, meet));
        }
    }

    /** Ends the path for its successors; returns where they meet. */
    private Reconvergence diverge(final Path path, final int reconvergence) {
        paths.remove(path);
        current = null;
        final Reconvergence outer = path.target;
        if (reconvergence < 0 || outer != null && !outer.call && outer.frame == path.frame
            && outer.position == reconvergence) {
            return outer;
        }
        return new Reconvergence(reconvergence, path.frame, outer, false, path.mask);
    }

    private void add(final Path path) {
        paths.add(path);
        final DecodedInstruction[] code = path.frame.function.code();
        if (path.position == path.meetingPosition()) {
            arrive(path);
        } else if (path.frame.caller == null && code[path.position].guard < 0
            && (code[path.position].opcode.equals("ret") || code[path.position].opcode.equals("exit"))) {
            // Lanes that only leave do so at once: on a device the branch itself lets them exit.
            leave(path, path.mask, path.position);
        }
    }

    void arrive() {
        arrive(current);
    }

    private void arrive(final Path path) {
        paths.remove(path);
        current = current == path ? null : current;
        path.target.arrived |= path.mask;
        complete(path.target);
    }

    private void complete(final Reconvergence meeting) {
        if (meeting.arrived != 0 && meeting.isComplete()) {
            final Path path = new Path(meeting.position, meeting.arrived, meeting.frame, meeting.outer);
            meeting.members = 0;
            meeting.arrived = 0;
            add(path);
        }
    }

    void exit(final int mask) {
        final Path path = current;
        final int position = path.position++;
        leave(path, mask, position);
    }

    private void leave(final Path path, final int mask, final int position) {
        if (mask == 0) {
            return;
        }
        liveMask &= ~mask;
        shrink(path, mask);
        for (Reconvergence meeting = path.target; meeting != null; meeting = meeting.outer) {
            meeting.members &= ~mask;
        }
        for (Reconvergence meeting = path.target; meeting != null; meeting = meeting.outer) {
            complete(meeting);
        }
        warp.block().lanesExited(warp, mask, path.frame.caller == null ? position : -1);
    }

    private void shrink(final Path path, final int mask) {
        path.mask &= ~mask;
        if (path.mask == 0) {
            paths.remove(path);
            current = current == path ? null : current;
        }
    }

    void call(final DecodedFunction function, final int mask, final int again, final FrameCopy arguments,
              final FrameCopy results) {
        final Path path = current;
        final int next = path.position + 1;
        if (mask == 0) {
            path.position = next;
            return;
        }
        Reconvergence outer = path.target;
        paths.remove(path);
        current = null;
        if (mask != path.mask) {
            outer = new Reconvergence(next, path.frame, path.target, false, path.mask);
            outer.arrived = path.mask & ~mask & ~again;
        }
        if (again != 0) {
            paths.add(new Path(path.position, again, path.frame, outer));
        }
        final Frame caller = path.frame;
        final int localBase = caller.localBase + caller.function.frameBytes();
        if (localBase + function.frameBytes() > warp.launch().kernel().localBytes()) {
            throw new IllegalStateException("calls of " + function.name() + " are nested too deeply for "
                + warp.launch().kernel().localBytes() + " bytes of local memory");
        }
        final Frame callee = new Frame(function, caller, next, localBase, warp);
        callee.results = results;
        arguments.copy(warp, caller, callee, mask);
        final Reconvergence returning = new Reconvergence(next, caller, outer, true, mask);
        current = new Path(0, mask, callee, returning);
        paths.add(current);
    }

    void returnFromCall(final int mask) {
        final Path path = current;
        path.position++;
        if (mask == 0) {
            return;
        }
        path.frame.results.copy(warp, path.frame.caller, path.frame, mask);
        shrink(path, mask);
        Reconvergence meeting = path.target;
        while (!meeting.call) {
            meeting.members &= ~mask;
            meeting = meeting.outer;
        }
        meeting.arrived |= mask;
        for (Reconvergence inner = path.target; !inner.call; inner = inner.outer) {
            complete(inner);
        }
        complete(meeting);
    }

    boolean releaseWaiting() {
        boolean released = false;
        for (final Reconvergence meeting : meetings()) {
            if (meeting.arrived != 0) {
                final int lanes = meeting.arrived;
                meeting.members &= ~lanes;
                meeting.arrived = 0;
                add(new Path(meeting.position, lanes, meeting.frame, meeting.outer));
                released = true;
            }
        }
        return released;
    }

    private Set<Reconvergence> meetings() {
        final Set<Reconvergence> meetings = new LinkedHashSet<>();
        for (final Path path : paths) {
            for (Reconvergence meeting = path.target; meeting != null; meeting = meeting.outer) {
                meetings.add(meeting);
            }
        }
        return meetings;
    }

    /** The first path that waits, or null. */
    Path waiting() {
        for (final Path path : paths) {
            if (path.wait != null) {
                return path;
            }
        }
        return paths.isEmpty() ? null : paths.get(0);
    }

    String describeWait() {
        final Path path = waiting();
        if (path == null) {
            return "has ended";
        }
        final DecodedInstruction[] code = path.frame.function.code();
        final int position = Math.min(path.position, code.length - 1);
        return path.wait == null ? "is at PTX line " + code[position].line
            : "waits for " + path.wait.description() + " at PTX line " + code[Math.max(0, position - 1)].line;
    }
}
