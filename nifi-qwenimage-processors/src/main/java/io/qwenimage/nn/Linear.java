package io.qwenimage.nn;

import io.qwenimage.backend.Activation;
import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.WeightRole;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * x W^T + b.
 *
 * @param weight [out, in]
 * @param bias   [out] or null
 */
public record Linear(Backend backend, Tensor weight, Tensor bias) {
    /** Reads {@code weight} and {@code bias}. */
    public static Linear load(final ModuleScope scope, final int in, final int out) {
        return new Linear(scope.backend(), scope.weight("weight", WeightRole.LINEAR, out, in),
                scope.weight("bias", WeightRole.VECTOR, out));
    }

    /** Reads {@code weight} only. */
    public static Linear withoutBias(final ModuleScope scope, final int in, final int out) {
        return new Linear(scope.backend(), scope.weight("weight", WeightRole.LINEAR, out, in), null);
    }

    /** Reads a convolution of one by one pixel, [out, in, 1, 1], which acts on pixels as a linear layer on tokens. */
    public static Linear pointwise(final ModuleScope scope, final int in, final int out) {
        final Tensor weight = scope.prepare(scope.stored("weight", out, in, 1, 1).reshape(out, in), WeightRole.LINEAR);
        return new Linear(scope.backend(), weight, scope.weight("bias", WeightRole.VECTOR, out));
    }

    /** Reads several layers stored as one, {@code weight} [parts out, in] and {@code bias} [parts out]. */
    public static List<Linear> parts(final ModuleScope scope, final int in, final int out, final int parts) {
        return parts(scope, scope.stored("weight", (long) parts * out, in).reshape(parts, out, in));
    }

    /** As {@link #parts}, stored as a convolution of one by one pixel, [parts out, in, 1, 1]. */
    public static List<Linear> pointwiseParts(final ModuleScope scope, final int in, final int out, final int parts) {
        return parts(scope, scope.stored("weight", (long) parts * out, in, 1, 1).reshape(parts, out, in));
    }

    private static List<Linear> parts(final ModuleScope scope, final HostTensor weight) {
        final long parts = weight.shape().extent(0);
        final long out = weight.shape().extent(1);
        final HostTensor bias = scope.stored("bias", parts * out).reshape(parts, out);
        final List<Linear> linears = new ArrayList<>();
        for (int part = 0; part < parts; part++) {
            linears.add(new Linear(scope.backend(), scope.prepare(weight.row(part), WeightRole.LINEAR),
                    scope.prepare(bias.row(part), WeightRole.VECTOR)));
        }
        return linears;
    }

    /** [L, in] to [L, out]. */
    public Tensor forward(final Arena arena, final Tensor x) {
        return backend.linear(arena, x, weight, bias, Activation.NONE, null);
    }

    /** [L, in] to [L, out], then a non-linearity. */
    public Tensor forward(final Arena arena, final Tensor x, final Activation activation) {
        return backend.linear(arena, x, weight, bias, activation, null);
    }

    /** [L, in] to [L, out], then a sum with a residual [L, out]. */
    public Tensor forward(final Arena arena, final Tensor x, final Tensor residual) {
        return backend.linear(arena, x, weight, bias, Activation.NONE, residual);
    }
}
