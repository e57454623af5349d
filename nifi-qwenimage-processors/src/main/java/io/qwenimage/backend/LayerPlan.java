package io.qwenimage.backend;

/**
 * Which of a model's layers of equal shapes stay in the device's memory, and which are streamed: wait in the host's
 * memory and come to the device whenever they are needed. Streamed layers are spread evenly, so that the copy of the
 * next one may take as long as all layers between compute; the last layer is one of them.
 *
 * @param layers    how many there are
 * @param streamed  how many of them are streamed
 * @param slots     places in the device's memory that streamed layers take turns in; two let one be copied while
 *                  another is read
 * @param slotBytes what the weights of one layer take there
 */
public record LayerPlan(int layers, int streamed, int slots, long slotBytes) {
    /** Checks the values. */
    public LayerPlan {
        Require.that(streamed >= 0 && streamed <= layers, "%s of %s layers cannot be streamed", streamed, layers);
        Require.that(streamed == 0 || slots > 0 && slotBytes > 0,
                "%s streamed layers need a place in memory, got %s of %s bytes", streamed, slots, slotBytes);
    }

    /** All layers stay. */
    public static LayerPlan resident(final int layers) {
        return new LayerPlan(layers, 0, 0, 0);
    }

    /** Whether a layer is streamed. */
    public boolean isStreamed(final int layer) {
        return streamedUpTo(layer + 1) > streamedUpTo(layer);
    }

    /** How many of the layers before one are streamed. */
    public int streamedUpTo(final int layer) {
        return layers == 0 ? 0 : Math.toIntExact((long) layer * streamed / layers);
    }

    /** In words: "24 of 60". */
    @Override
    public String toString() {
        return streamed + " of " + layers;
    }
}
