package io.qwenimage.model.qwenimage;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.RotaryTable;

/** The rotary tables of both streams. */
record JointRope(RotaryTable image, RotaryTable text) {
    /** The rows of this, then those of another. */
    JointRope then(final Backend backend, final Arena arena, final JointRope other) {
        return new JointRope(joined(backend, arena, image, other.image), joined(backend, arena, text, other.text));
    }

    private static RotaryTable joined(final Backend backend, final Arena arena, final RotaryTable one,
            final RotaryTable other) {
        return new RotaryTable(backend.concat(arena, one.cosine(), other.cosine()),
                backend.concat(arena, one.sine(), other.sine()), one.pairs());
    }
}
