package io.qwenimage.backend;

/** A way through layers that all stay: nothing comes and nothing goes. */
enum ResidentPass implements StreamedLayers.Pass {
    /** The one for all. */
    INSTANCE;

    @Override
    public void layer(final int index) {
        // Is there.
    }

    @Override
    public void close() {
        // Stays.
    }
}
