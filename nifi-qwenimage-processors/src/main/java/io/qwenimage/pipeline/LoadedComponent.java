package io.qwenimage.pipeline;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.weights.WeightScope;
import io.qwenimage.weights.WeightSource;
import java.util.function.Function;

/** A network and what it lives on: the arena of its weights and, as long as it runs, the mapped files behind them. */
final class LoadedComponent<T> implements AutoCloseable {
    private final WeightSource source;
    private final Arena arena;
    private final T model;

    private LoadedComponent(final WeightSource source, final Arena arena, final T model) {
        this.source = source;
        this.arena = arena;
        this.model = model;
    }

    /**
     * Loads a network.
     *
     * @param scope finds the network's root in the checkpoint
     * @param build reads the weights
     */
    static <T> LoadedComponent<T> load(final ModelFolder folder, final String component, final Backend backend,
            final Function<WeightSource, WeightScope> scope, final Function<ModuleScope, T> build,
            final Cancellation cancellation) {
        final WeightSource source = folder.weights(component);
        Arena arena = null;
        try {
            arena = backend.openArena("weights of " + component);
            final T model = build.apply(ModuleScope.of(backend, arena, scope.apply(source), cancellation));
            return new LoadedComponent<>(source, arena, model);
        } catch (RuntimeException | Error e) {
            if (arena != null) {
                arena.close();
            }
            source.close();
            throw e;
        }
    }

    T model() {
        return model;
    }

    @Override
    public void close() {
        arena.close();
        source.close();
    }
}
