package io.qwenimage.pipeline;

import io.qwenimage.tensor.HostTensor;

/** Hears what happens while an answer is made. */
public interface ChatObserver {
    /** Hears nothing. */
    ChatObserver NONE = new ChatObserver() { };

    /**
     * A tensor on the way: {@code pixel_values}, {@code vision_embeds}, {@code logits} of the last prompt position.
     *
     * @param values F32
     */
    default void onTensor(final String name, final HostTensor values) {
        // Most listeners want text alone.
    }

    /** Whether tensors are wanted; without, none is copied from the device for this purpose. */
    default boolean wantsTensors() {
        return false;
    }

    /** A new piece of the answer's text, whole characters only. */
    default void onText(final String piece) {
        // Most listeners wait for the whole.
    }
}
