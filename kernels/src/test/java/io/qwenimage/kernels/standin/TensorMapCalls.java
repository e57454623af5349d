package io.qwenimage.kernels.standin;

import java.util.HashMap;
import java.util.Map;

/** Tensor maps: what the copy engine reads of them is encoded by the PTX machine, which decodes it. */
final class TensorMapCalls {
    private final StandIn standIn;

    TensorMapCalls(final StandIn standIn) {
        this.standIn = standIn;
    }

    Map<String, Call> calls() {
        return new HashMap<>();
    }
}
