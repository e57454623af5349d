package io.qwenimage.kernels.standin;

import java.util.HashMap;
import java.util.Map;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream_flags;

/** Streams and events. */
final class StreamCalls {
    private static final float NANOSECONDS_PER_MILLISECOND = 1e6f;

    private final StandIn standIn;

    StreamCalls(final StandIn standIn) {
        this.standIn = standIn;
    }

    Map<String, Call> calls() {
        final Map<String, Call> calls = new HashMap<>();
        calls.put("cuStreamCreate", Call.of(arguments -> arguments.pointer(0).setLong(0, open(arguments.number(1)))));
        calls.put("cuStreamCreateWithPriority", Call.of(arguments ->
                arguments.pointer(0).setLong(0, open(arguments.number(1)))));
        calls.put("cuStreamDestroy_v2", Call.of(this::destroyStream));
        calls.put("cuStreamSynchronize", Call.of(arguments -> synchronize(session().stream(arguments.word(0)))));
        calls.put("cuStreamQuery", this::queryStream);
        calls.put("cuStreamWaitEvent", Call.of(this::waitEvent));
        calls.put("cuStreamIsCapturing", Call.of(arguments -> arguments.pointer(1).setInt(0,
                session().stream(arguments.word(0)).isCapturing() ? 1 : 0)));
        calls.put("cuEventCreate", Call.of(arguments -> {
            final PosedContext context = session().current();
            context.countEvent(1);
            arguments.pointer(0).setLong(0, session().handles().open(new PosedEvent(context,
                    (arguments.number(1) & CUevent_flags.CU_EVENT_DISABLE_TIMING) == 0)));
        }));
        calls.put("cuEventDestroy_v2", Call.of(arguments -> {
            session().current();
            session().handles().close(arguments.word(0), PosedEvent.class).context().countEvent(-1);
        }));
        calls.put("cuEventRecord", Call.of(this::recordEvent));
        calls.put("cuEventQuery", this::queryEvent);
        calls.put("cuEventSynchronize", Call.of(this::synchronizeEvent));
        calls.put("cuEventElapsedTime", this::elapsedTime);
        return calls;
    }

    /** Waits for all streams of the current context. */
    void synchronizeContext() {
        final PosedContext context = session().current();
        session().books().waited();
        if (context.isCapturing()) {
            throw new Refusal(CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "waiting for a device that captures");
        }
        context.drain();
        standIn.waitForEver(context::isStuck);
        context.requireWhole();
        context.waitedForAll();
    }

    private long open(final int flags) {
        return session().handles().open(session().current().openStream(
                (flags & CUstream_flags.CU_STREAM_NON_BLOCKING) == 0));
    }

    private void destroyStream(final Arguments arguments) {
        final PosedContext context = session().current();
        final PosedStream stream = session().handles().close(arguments.word(0), PosedStream.class);
        // The driver lets the work run on; it is run here because nobody can wait for it any more.
        stream.drain();
        context.closeStream(stream);
    }

    private void synchronize(final PosedStream stream) {
        session().books().waited();
        stream.refuseInCapture("waiting for");
        stream.drain();
        standIn.waitForEver(stream::isStuck);
        stream.context().requireWhole();
        stream.context().races().waited(stream.clock());
    }

    /** Every question lets one piece of work run. */
    private int queryStream(final Arguments arguments) {
        final PosedStream stream = session().stream(arguments.word(0));
        stream.refuseInCapture("asking");
        if (stream.isEmpty()) {
            stream.context().races().waited(stream.clock());
            return Call.SUCCESS;
        }
        stream.step();
        stream.context().requireWhole();
        return CUresult.CUDA_ERROR_NOT_READY;
    }

    private void recordEvent(final Arguments arguments) {
        final PosedEvent event = event(arguments.word(0));
        final PosedStream stream = session().stream(arguments.word(1));
        if (!session().faults().nextRecordIsDropped()) {
            event.record(stream);
        }
    }

    private void waitEvent(final Arguments arguments) {
        final PosedStream stream = session().stream(arguments.word(0));
        final PosedEvent.Mark mark = event(arguments.word(1)).mark();
        if (mark != null && !session().faults().nextWaitIsDropped()) {
            stream.await(mark);
        }
    }

    private int queryEvent(final Arguments arguments) {
        final PosedEvent.Mark mark = event(arguments.word(0)).mark();
        if (mark == null) {
            return Call.SUCCESS;
        }
        mark.refuseIfCaptured("asking");
        if (mark.isReached()) {
            mark.stream().context().races().waited(mark.clock());
            return Call.SUCCESS;
        }
        mark.stream().step();
        mark.stream().context().requireWhole();
        return CUresult.CUDA_ERROR_NOT_READY;
    }

    private void synchronizeEvent(final Arguments arguments) {
        session().books().waited();
        final PosedEvent.Mark mark = event(arguments.word(0)).mark();
        if (mark != null) {
            mark.refuseIfCaptured("waiting for");
            mark.reach();
            standIn.waitForEver(() -> !mark.isReached() && mark.stream().isStuck());
            mark.stream().context().requireWhole();
            mark.stream().context().races().waited(mark.clock());
        }
    }

    private int elapsedTime(final Arguments arguments) {
        final PosedEvent start = event(arguments.word(1));
        final PosedEvent end = event(arguments.word(2));
        if (!start.isTimed() || !end.isTimed() || start.mark() == null || end.mark() == null) {
            throw new Refusal(CUresult.CUDA_ERROR_INVALID_HANDLE,
                    "the time between events that measure none or were not recorded");
        }
        if (!start.mark().isReached() || !end.mark().isReached()) {
            return CUresult.CUDA_ERROR_NOT_READY;
        }
        arguments.pointer(0).setFloat(0,
                (end.mark().nanoseconds() - start.mark().nanoseconds()) / NANOSECONDS_PER_MILLISECOND);
        return Call.SUCCESS;
    }

    private PosedEvent event(final long handle) {
        final PosedContext context = session().current();
        final PosedEvent event = session().handles().get(handle, PosedEvent.class);
        if (event.context() != context) {
            throw new Refusal(CUresult.CUDA_ERROR_INVALID_HANDLE, "an event of another context");
        }
        return event;
    }

    private Session session() {
        return standIn.session();
    }
}
