package io.qwenimage.kernels.standin;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Finds work of different streams that comes to the same memory, at least one of both to write it, without an event, or
 * a wait of the host between them, that puts them in order. What the order happens to be in a run plays no part.
 */
final class Races {
    private final Map<PosedStream, Deque<Entry>> entries = new IdentityHashMap<>();
    /** What the host has waited for; all that it asks for later comes after it. */
    private final StreamClock host = new StreamClock();
    private final Consumer<String> findings;

    private record Entry(Work work, List<Access> accesses, long position) {
    }

    /** Tells findings, in words. */
    Races(final Consumer<String> findings) {
        this.findings = findings;
    }

    /** A stream is given work. */
    void put(final PosedStream stream, final StreamClock clock, final Work work) {
        clock.join(host);
        final long position = clock.tick(stream);
        final List<Access> accesses = work.accesses();
        if (accesses.isEmpty()) {
            return;
        }
        entries.forEach((other, earlier) -> {
            if (other != stream) {
                check(work, accesses, earlier, clock.of(other));
            }
        });
        entries.computeIfAbsent(stream, unknown -> new ArrayDeque<>()).addLast(new Entry(work, accesses, position));
    }

    private void check(final Work work, final List<Access> accesses, final Deque<Entry> earlier, final long covered) {
        final Iterator<Entry> latestFirst = earlier.descendingIterator();
        while (latestFirst.hasNext()) {
            final Entry entry = latestFirst.next();
            if (entry.position() <= covered) {
                return;
            }
            for (final Access access : accesses) {
                if (entry.accesses().stream().anyMatch(access::conflictsWith)) {
                    findings.accept(work + " is not ordered after " + entry.work() + ", which another stream was given "
                            + "before: both come to 0x" + Long.toHexString(access.address()));
                    return;
                }
            }
        }
    }

    /** The host has waited for all that a clock comes after. */
    void waited(final StreamClock clock) {
        host.join(clock);
        entries.forEach((stream, list) -> {
            while (!list.isEmpty() && list.peekFirst().position() <= host.of(stream)) {
                list.pollFirst();
            }
        });
        entries.values().removeIf(Deque::isEmpty);
    }

    /** Whether something of a stream can still be compared with. */
    boolean knows(final PosedStream stream) {
        return entries.containsKey(stream);
    }

    /** A stream has ended. */
    void forget(final PosedStream stream) {
        entries.remove(stream);
        host.forget(stream);
    }
}
