package io.qwenimage.kernels.standin;

import java.util.HashMap;
import java.util.Map;
import jcuda.driver.CUresult;

/** Work captured from a stream and launched as a whole. */
final class GraphCalls {
    private final StandIn standIn;

    private record PosedGraph(PosedCapture work) {
    }

    private record PosedGraphExecutable(PosedContext context, PosedCapture work) {
    }

    GraphCalls(final StandIn standIn) {
        this.standIn = standIn;
    }

    Map<String, Call> calls() {
        final Map<String, Call> calls = new HashMap<>();
        calls.put("cuStreamBeginCapture_v2", Call.of(arguments -> {
            final PosedStream stream = session().stream(arguments.word(0));
            if (stream == stream.context().defaultStream()) {
                throw new Refusal(CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "capturing the default stream");
            }
            stream.refuseInCapture("capturing once more");
            stream.beginCapture();
        }));
        calls.put("cuStreamEndCapture", Call.of(this::endCapture));
        calls.put("cuGraphGetNodes", Call.of(arguments ->
                arguments.pointer(2).setLong(0, graph(arguments.word(0)).work().nodes())));
        calls.put("cuGraphInstantiateWithFlags", Call.of(arguments -> arguments.pointer(0).setLong(0,
                session().handles().open(new PosedGraphExecutable(session().current(),
                graph(arguments.word(1)).work())))));
        calls.put("cuGraphDestroy", Call.of(arguments -> session().handles().close(arguments.word(0),
                PosedGraph.class)));
        calls.put("cuGraphExecDestroy", Call.of(arguments -> {
            session().current();
            session().handles().close(arguments.word(0), PosedGraphExecutable.class);
        }));
        calls.put("cuGraphUpload", Call.of(arguments -> executable(arguments.word(0))));
        calls.put("cuGraphLaunch", Call.of(this::launch));
        return calls;
    }

    private void endCapture(final Arguments arguments) {
        final PosedStream stream = session().stream(arguments.word(0));
        if (!stream.isCapturing()) {
            throw new Refusal(CUresult.CUDA_ERROR_ILLEGAL_STATE, "the end of a capture that was not begun");
        }
        final PosedCapture capture = stream.capture();
        if (capture.origin() != stream) {
            throw new Refusal(CUresult.CUDA_ERROR_STREAM_CAPTURE_UNMATCHED,
                    "the end of a capture on another stream than the one that it was begun on");
        }
        arguments.pointer(1).setLong(0, 0);
        capture.end();
        arguments.pointer(1).setLong(0, session().handles().open(new PosedGraph(capture)));
    }

    private void launch(final Arguments arguments) {
        final PosedGraphExecutable graph = executable(arguments.word(0));
        final PosedStream stream = session().stream(arguments.word(1));
        stream.refuseInCapture("launching a graph on");
        session().books().launched();
        graph.work().replay(stream, stream.context()::openBranch);
    }

    private PosedGraph graph(final long handle) {
        return session().handles().get(handle, PosedGraph.class);
    }

    private PosedGraphExecutable executable(final long handle) {
        final PosedContext context = session().current();
        final PosedGraphExecutable graph = session().handles().get(handle, PosedGraphExecutable.class);
        if (graph.context() != context) {
            throw new Refusal(CUresult.CUDA_ERROR_INVALID_HANDLE, "a graph of another context");
        }
        return graph;
    }

    private Session session() {
        return standIn.session();
    }
}
