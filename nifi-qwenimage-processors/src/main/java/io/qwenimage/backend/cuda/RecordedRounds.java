package io.qwenimage.backend.cuda;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Repetition;
import io.qwenimage.backend.ResourceExhaustedException;
import io.qwenimage.kernels.driver.CudaGraph;
import io.qwenimage.kernels.driver.CudaStream;
import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.Arrays;
import java.util.List;

/**
 * Rounds that are launched as one CUDA graph. The first round runs as it comes, which loads modules and chooses
 * algorithms; the second one, if its inputs have the same shapes, is recorded, on tensors of its own that later rounds'
 * inputs are copied to. Where there is no memory for a record, rounds go on as they come.
 */
final class RecordedRounds implements Repetition {
    private final CudaBackend backend;
    private final CudaStream stream;
    private final Copies copies;
    private final Round round;
    private List<String> shapes;
    private Shape resultShape;
    private DType resultType;
    private Recording recording;
    private boolean refused;
    private boolean closed;

    /** A graph with the tensors that it reads and writes. */
    private record Recording(CudaArena arena, CudaTensor[] inputs, CudaTensor result, CudaGraph graph) {
        void close() {
            graph.close();
            arena.close();
        }
    }

    /** Rounds on a backend's only stream. */
    RecordedRounds(final CudaBackend backend, final CudaStream stream, final Copies copies, final Round round) {
        this.backend = backend;
        this.stream = stream;
        this.copies = copies;
        this.round = round;
    }

    @Override
    public Tensor run(final Arena arena, final Tensor... inputs) {
        if (closed) {
            throw new IllegalStateException("a repetition was used after it had been closed");
        }
        // A graph of streamed layers must not be launched amid another pass through them.
        backend.passes().lock();
        try {
            return runAlone(arena, inputs);
        } finally {
            backend.passes().unlock();
        }
    }

    private Tensor runAlone(final Arena arena, final Tensor... inputs) {
        final List<String> asked = Arrays.stream(inputs)
                .map(input -> input.dtype() + input.shape().toString()).toList();
        if (!asked.equals(shapes)) {
            forget();
            final Tensor result = round.run(arena, inputs);
            shapes = asked;
            resultShape = result.shape();
            resultType = result.dtype();
            return result;
        }
        // While the stream records, what others ask of it must not become a part of the graph.
        synchronized (backend) {
            if (recording == null && !refused) {
                record(inputs);
            }
            return recording == null ? round.run(arena, inputs) : launch(arena, inputs);
        }
    }

    private void record(final Tensor... inputs) {
        final CudaArena arena = (CudaArena) backend.openArena("a recorded round");
        boolean complete = false;
        try {
            final CudaTensor[] own = Arrays.stream(inputs).map(input -> arena.allocate(input.dtype(), input.shape()))
                    .toArray(CudaTensor[]::new);
            final CudaTensor result = arena.allocate(resultType, resultShape);
            final CudaGraph graph = stream.capture(() -> {
                try (CudaArena scratch = arena.open("a round that is recorded")) {
                    copies.copy(Operands.own(round.run(scratch, own), "result"), result);
                }
            });
            recording = new Recording(arena, own, result, graph);
            complete = true;
        } catch (final ResourceExhaustedException e) {
            refused = true;
        } finally {
            if (!complete) {
                arena.close();
            }
        }
    }

    private Tensor launch(final Arena arena, final Tensor... inputs) {
        for (int i = 0; i < inputs.length; i++) {
            copies.copy(Operands.own(inputs[i], "input"), recording.inputs()[i]);
        }
        recording.graph().launch(stream);
        final CudaTensor result = (CudaTensor) arena.allocate(resultType, resultShape);
        copies.copy(recording.result(), result);
        return result;
    }

    private void forget() {
        if (recording != null) {
            recording.close();
            recording = null;
        }
        refused = false;
    }

    @Override
    public void close() {
        closed = true;
        synchronized (backend) {
            forget();
        }
    }
}
