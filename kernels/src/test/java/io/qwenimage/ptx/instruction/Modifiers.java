package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.text.PtxType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The modifiers behind an opcode. A decoder takes those it understands; what is left over makes the instruction
 * unsupported.
 */
public final class Modifiers {
    private final List<String> left;

    public Modifiers(final List<String> modifiers) {
        this.left = new ArrayList<>(modifiers);
    }

    /** Takes the modifier (without its dot) when it is there. */
    public boolean take(final String modifier) {
        return left.remove(modifier);
    }

    /** Takes the first of the modifiers that is there; null when none is. */
    public String takeAny(final String... modifiers) {
        for (final String modifier : modifiers) {
            if (left.remove(modifier)) {
                return modifier;
            }
        }
        return null;
    }

    /** Takes the first type in order; null when none is left. */
    public PtxType takeType() {
        for (int i = 0; i < left.size(); i++) {
            final PtxType type = PtxType.named(left.get(i));
            if (type != null) {
                left.remove(i);
                return type;
            }
        }
        return null;
    }

    /** Takes the first modifier that starts with the prefix; returns the whole modifier, or null. */
    public String takePrefixed(final String prefix) {
        for (int i = 0; i < left.size(); i++) {
            if (left.get(i).startsWith(prefix)) {
                return left.remove(i);
            }
        }
        return null;
    }

    /** Takes all of the given modifiers that are there; for those that do not change the result. */
    public void ignore(final String... modifiers) {
        left.removeAll(Arrays.asList(modifiers));
    }

    public boolean has(final String modifier) {
        return left.contains(modifier);
    }

    public List<String> left() {
        return List.copyOf(left);
    }
}
