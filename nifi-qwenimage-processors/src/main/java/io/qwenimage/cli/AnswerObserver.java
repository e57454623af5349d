package io.qwenimage.cli;

import io.qwenimage.pipeline.ChatObserver;
import io.qwenimage.tensor.HostTensor;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.Map;

/** Shows text as it comes, and keeps tensors for a dump. */
final class AnswerObserver implements ChatObserver {
    private final PrintWriter out;
    private final Map<String, HostTensor> tensors;

    /**
     * An observer.
     *
     * @param out          shows text; null to show none
     * @param keepsTensors whether tensors are wanted
     */
    AnswerObserver(final PrintWriter out, final boolean keepsTensors) {
        this.out = out;
        this.tensors = keepsTensors ? new LinkedHashMap<>() : null;
    }

    @Override
    public boolean wantsTensors() {
        return tensors != null;
    }

    @Override
    public void onTensor(final String name, final HostTensor values) {
        tensors.put(name, values);
    }

    @Override
    public void onText(final String piece) {
        if (out != null) {
            out.print(piece);
            out.flush();
        }
    }

    /** What was kept; of several questions the last. */
    Map<String, HostTensor> tensors() {
        return tensors;
    }
}
