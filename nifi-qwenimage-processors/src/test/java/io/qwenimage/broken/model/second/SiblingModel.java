package io.qwenimage.broken.model.second;

/** An architecture beside another. */
public final class SiblingModel {
    private SiblingModel() {
    }
}
