package io.qwenimage.backend;

import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.List;

/**
 * Counts the floating-point operations of products, convolutions and attention that a backend is asked for, and the
 * bytes of weights as they are stored.
 */
public final class OperationCounter {
    private final Backend counted;
    private double operations;
    private long storedBytes;

    /** A counter around a backend. */
    public OperationCounter(final Backend backend) {
        counted = (Backend) Proxy.newProxyInstance(Backend.class.getClassLoader(), new Class<?>[] {Backend.class},
                (proxy, method, arguments) -> {
                    try {
                        final Object result = method.invoke(backend, arguments);
                        count(method.getName(), arguments, result);
                        return result;
                    } catch (final InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    /** The backend, counted. */
    public Backend backend() {
        return counted;
    }

    /** Multiplications and additions since the beginning. */
    public double operations() {
        return operations;
    }

    /** Bytes of all weights prepared, as their file holds them. */
    public long storedBytes() {
        return storedBytes;
    }

    private void count(final String operation, final Object[] arguments, final Object result) {
        switch (operation) {
            case "weight" -> {
                final HostTensor weight = (HostTensor) arguments[1];
                storedBytes += weight.shape().elements() * weight.dtype().bytes();
            }
            case "linear" -> operations += 2.0 * ((Tensor) result).shape().elements()
                    * ((Tensor) arguments[1]).shape().extent(-1);
            case "jointHeads" -> operations += projections((JointHeads.Stream) arguments[1])
                    + projections((JointHeads.Stream) arguments[2]);
            case "convolution" -> {
                final Shape kernel = ((Tensor) arguments[2]).shape();
                operations += 2.0 * ((Tensor) result).shape().elements() * kernel.elements() / kernel.extent(0);
            }
            case "attention" -> operations += attention(((Tensor) arguments[1]).shape(),
                    ((Tensor) arguments[2]).shape(), (AttentionPattern) arguments[4]);
            default -> { }
        }
    }

    private static double projections(final JointHeads.Stream stream) {
        double weights = 0;
        for (final JointHeads.Projection projection : List.of(stream.query(), stream.key(), stream.value())) {
            weights += projection.weight().shape().elements();
        }
        return 2 * stream.tokens().shape().extent(0) * weights;
    }

    /** Of q k^T and of the product with v, for each query with the keys that it sees. */
    private static double attention(final Shape queries, final Shape keys, final AttentionPattern pattern) {
        double pairs = 0;
        if (pattern.queryOffsets() == null) {
            pairs = pairs(queries.extent(0), keys.extent(0), pattern.causal());
        } else {
            for (int s = 1; s < pattern.queryOffsets().length; s++) {
                pairs += pairs(pattern.queryOffsets()[s] - pattern.queryOffsets()[s - 1],
                        pattern.keyOffsets()[s] - pattern.keyOffsets()[s - 1], pattern.causal());
            }
        }
        return 4 * pairs * queries.elements() / queries.extent(0);
    }

    private static double pairs(final double queries, final double keys, final boolean causal) {
        return causal ? queries * (keys - queries) + queries * (queries + 1) / 2 : queries * keys;
    }
}
