package io.qwenimage.model.vision;

import io.qwenimage.weights.WeightException;
import io.qwenimage.weights.WeightScope;
import io.qwenimage.weights.WeightSource;
import java.util.List;

/** Finds the vision tower in a checkpoint. */
public final class VisionScopes {
    /** As saved today, and as published from 2024 on. */
    private static final List<String> PREFIXES = List.of("model.visual", "visual");

    private VisionScopes() {
    }

    /**
     * The tower's scope, whichever way its names are spelled.
     *
     * @throws WeightException if there is none
     */
    public static WeightScope of(final WeightSource source) {
        for (final String prefix : PREFIXES) {
            final WeightScope scope = WeightScope.of(source).sub(prefix);
            if (scope.has("patch_embed.proj.weight")) {
                return scope;
            }
        }
        throw new WeightException("no vision tower in " + source.origin() + ": patch_embed.proj.weight is under none "
                + "of " + PREFIXES + "; the folder is incomplete or holds a language model only");
    }
}
