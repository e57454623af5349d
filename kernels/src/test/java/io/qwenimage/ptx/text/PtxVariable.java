package io.qwenimage.ptx.text;

import java.util.List;

/**
 * A declared variable or parameter.
 *
 * @param space where it lies
 * @param name its name
 * @param type type of one element
 * @param bytes its size; 0 for an unsized (dynamic) array
 * @param alignment in bytes
 * @param external whether it is declared {@code .extern}
 * @param initializer the given elements in order, empty when there is none; the rest is zero
 */
public record PtxVariable(Space space, String name, PtxType type, int bytes, int alignment, boolean external,
                          List<PtxOperand> initializer) {
    /** State spaces of variables. */
    public enum Space { GLOBAL, CONSTANT, SHARED, LOCAL, PARAMETER }
}
