package io.qwenimage.nn;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.backend.LayerPlan;
import io.qwenimage.backend.StreamedLayers;
import io.qwenimage.backend.WeightRole;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Tensor;
import io.qwenimage.weights.WeightScope;
import java.util.Objects;

/** Where a module is built: a place in the checkpoint, the backend that runs it, the arena that owns its weights. */
public final class ModuleScope {
    private final Backend backend;
    private final Arena arena;
    private final WeightScope weights;
    private final Cancellation cancellation;

    private ModuleScope(final Backend backend, final Arena arena, final WeightScope weights,
            final Cancellation cancellation) {
        this.backend = backend;
        this.arena = arena;
        this.weights = Objects.requireNonNull(weights);
        this.cancellation = Objects.requireNonNull(cancellation);
    }

    /** A scope whose modules are going to run. */
    public static ModuleScope of(final Backend backend, final Arena arena, final WeightScope weights) {
        return of(backend, arena, weights, Cancellation.NEVER);
    }

    /** The same, asking before every weight whether the module is still wanted. */
    public static ModuleScope of(final Backend backend, final Arena arena, final WeightScope weights,
            final Cancellation cancellation) {
        return new ModuleScope(Objects.requireNonNull(backend), Objects.requireNonNull(arena), weights, cancellation);
    }

    /**
     * A scope whose modules never run: building a model in it asks the checkpoint for every name and shape, and
     * prepares nothing.
     */
    public static ModuleScope forInspection(final WeightScope weights) {
        return new ModuleScope(null, null, weights, Cancellation.NEVER);
    }

    /** The backend that runs the module; null in an inspection. */
    public Backend backend() {
        return backend;
    }

    /** The same place, with another owner of its weights. */
    public ModuleScope in(final Arena owner) {
        return new ModuleScope(backend, owner, weights, cancellation);
    }

    /** Prepares for layers of equal shapes below this scope. */
    public StreamedLayers layers(final LayerPlan plan) {
        return backend == null ? StreamedLayers.resident(null) : backend.layers(arena, plan);
    }

    /** The scope below a name; dots may separate several steps. */
    public ModuleScope sub(final String name) {
        return new ModuleScope(backend, arena, weights.sub(name), cancellation);
    }

    /** The scope below an entry of a module list. */
    public ModuleScope sub(final int index) {
        return new ModuleScope(backend, arena, weights.sub(index), cancellation);
    }

    /** Whether a tensor is there. */
    public boolean has(final String name) {
        return weights.has(name);
    }

    /** A tensor of this scope as the checkpoint holds it. */
    public HostTensor stored(final String name, final long... extents) {
        return weights.tensor(name, extents);
    }

    /** A tensor of this scope, prepared for its role. */
    public Tensor weight(final String name, final WeightRole role, final long... extents) {
        return prepare(stored(name, extents), role);
    }

    /** Prepares a tensor that was derived from a stored one. */
    public Tensor prepare(final HostTensor tensor, final WeightRole role) {
        cancellation.check();
        return backend == null ? tensor : backend.weight(arena, tensor, role);
    }
}
