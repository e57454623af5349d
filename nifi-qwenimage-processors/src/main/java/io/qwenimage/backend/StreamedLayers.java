package io.qwenimage.backend;

import java.util.function.Function;

/**
 * The weights of layers of equal shapes, some of which may be streamed, see {@link LayerPlan}. A layer's tensors stay
 * the same objects; what they stand for is on the device only during a {@link Pass}, from its layer's turn to the next.
 */
public interface StreamedLayers {
    /**
     * Prepares a layer's weights; layers are loaded in their order, each once.
     *
     * @param loader prepares all weights of the layer in the arena that it is given, and nothing else
     * @return what the loader returns
     * @throws ResourceExhaustedException if the host has no memory that the device can copy from
     */
    <T> T load(int layer, Function<Arena, T> loader);

    /** Begins to work with the layers from the first to the last; waits for the end of another pass. */
    Pass begin();

    /** One way through the layers. It belongs to one thread and to nobody else meanwhile. */
    interface Pass extends AutoCloseable {
        /**
         * Whatever is asked of the backend from now on may read this layer's weights, and no longer those of earlier
         * layers. Layers may be left out.
         *
         * @param index more than that of the layer before
         */
        void layer(int index);

        /** Ends the pass, wherever it is. */
        @Override
        void close();
    }

    /**
     * Layers that all stay.
     *
     * @param arena owner of their weights
     */
    static StreamedLayers resident(final Arena arena) {
        return new StreamedLayers() {
            @Override
            public <T> T load(final int layer, final Function<Arena, T> loader) {
                return loader.apply(arena);
            }

            @Override
            public Pass begin() {
                return ResidentPass.INSTANCE;
            }
        };
    }
}
