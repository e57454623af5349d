package io.qwenimage.model.qwenimagevae;

import io.qwenimage.backend.WeightRole;
import io.qwenimage.nn.Linear;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.tensor.Tensor;

/** {@code quant_conv} and {@code post_quant_conv}: 3D convolutions of one tap, linear layers over channels. */
final class Pointwise {
    private Pointwise() {
    }

    static Linear load(final ModuleScope scope, final int channels) {
        final Tensor weight = scope.prepare(scope.stored("weight", channels, channels, 1, 1, 1)
                .reshape(channels, channels), WeightRole.LINEAR);
        return new Linear(scope.backend(), weight, scope.weight("bias", WeightRole.VECTOR, channels));
    }
}
