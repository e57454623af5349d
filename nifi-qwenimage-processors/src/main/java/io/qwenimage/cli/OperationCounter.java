package io.qwenimage.cli;

import io.qwenimage.backend.AttentionPattern;
import io.qwenimage.backend.Backend;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;

/** Counts the floating-point operations of products, convolutions and attention, and the bytes of stored weights. */
final class OperationCounter {
    private final Backend counted;
    private double operations;
    private long storedBytes;

    /** A counter around a backend. */
    OperationCounter(final Backend backend) {
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
    Backend backend() {
        return counted;
    }

    /** Multiplications and additions since the beginning. */
    double operations() {
        return operations;
    }

    /** Bytes of all weights prepared, as their file holds them. */
    long storedBytes() {
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
            case "convolution" -> {
                final Shape kernel = ((Tensor) arguments[2]).shape();
                operations += 2.0 * ((Tensor) result).shape().elements() * kernel.elements() / kernel.extent(0);
            }
            case "attention" -> {
                final boolean half = ((AttentionPattern) arguments[4]).causal();
                operations += (half ? 2.0 : 4.0) * ((Tensor) arguments[1]).shape().elements()
                        * ((Tensor) arguments[2]).shape().extent(0);
            }
            default -> { }
        }
    }
}
