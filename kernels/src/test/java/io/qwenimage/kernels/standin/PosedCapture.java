package io.qwenimage.kernels.standin;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import jcuda.driver.CUresult;

/**
 * What is recorded from a stream, and from those that came to wait for it: their work in the order in which it was
 * given, with the events between them.
 */
final class PosedCapture {
    private final PosedStream origin;
    private final Map<PosedStream, StreamClock> clocks = new LinkedHashMap<>();
    private final Map<PosedEvent.Mark, StreamClock> marks = new IdentityHashMap<>();
    private final List<Entry> entries = new ArrayList<>();
    private boolean spoiled;
    private boolean ended;

    /** What a stream was given: work, or the recording of an event or the wait for one. */
    private record Entry(PosedStream stream, Work work, PosedEvent.Mark recorded, PosedEvent.Mark awaited) {
    }

    PosedCapture(final PosedStream origin) {
        this.origin = origin;
        clocks.put(origin, new StreamClock());
    }

    boolean hasEnded() {
        return ended;
    }

    /** The stream that it was begun on. */
    PosedStream origin() {
        return origin;
    }

    void spoil() {
        spoiled = true;
    }

    void put(final PosedStream stream, final Work work) {
        clocks.get(stream).tick(stream);
        entries.add(new Entry(stream, work, null, null));
    }

    void record(final PosedStream stream, final PosedEvent.Mark mark) {
        marks.put(mark, clocks.get(stream).copy());
        entries.add(new Entry(stream, null, mark, null));
    }

    /** A stream waits for recorded work, and is recorded itself from then on. */
    void await(final PosedStream stream, final PosedEvent.Mark mark) {
        clocks.computeIfAbsent(stream, forked -> new StreamClock()).join(marks.get(mark));
        entries.add(new Entry(stream, null, null, mark));
    }

    /** Ends it; its streams are as before. */
    void end() {
        ended = true;
        clocks.keySet().forEach(PosedStream::leaveCapture);
        if (spoiled) {
            throw new Refusal(CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED,
                    "a capture was spoiled by a forbidden call");
        }
        clocks.forEach((stream, clock) -> {
            if (clock.of(stream) > clocks.get(origin).of(stream)) {
                throw new Refusal(CUresult.CUDA_ERROR_STREAM_CAPTURE_UNJOINED,
                        "the stream that was captured does not wait for the last work of one that joined it");
            }
        });
    }

    /** How many pieces of work it has. */
    long nodes() {
        return entries.stream().filter(entry -> entry.work() != null).count();
    }

    /**
     * Puts all of it on a stream, and on branches beside it.
     *
     * @param branches opens a stream for each that was recorded beside the first
     */
    void replay(final PosedStream stream, final Supplier<PosedStream> branches) {
        final Map<PosedStream, PosedStream> streams = new HashMap<>(Map.of(origin, stream));
        final Map<PosedEvent.Mark, PosedEvent.Mark> replayed = new IdentityHashMap<>();
        for (final Entry entry : entries) {
            final PosedStream target = streams.computeIfAbsent(entry.stream(), forked -> branches.get());
            if (entry.work() != null) {
                target.put(entry.work());
            } else if (entry.recorded() != null) {
                final PosedEvent.Mark mark = new PosedEvent.Mark(target);
                replayed.put(entry.recorded(), mark);
                target.put(mark);
            } else {
                target.await(replayed.get(entry.awaited()));
            }
        }
    }
}
