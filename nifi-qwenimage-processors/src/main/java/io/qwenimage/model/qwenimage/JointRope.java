package io.qwenimage.model.qwenimage;

import io.qwenimage.backend.RotaryTable;

/** The rotary tables of both streams. */
record JointRope(RotaryTable image, RotaryTable text) {
}
