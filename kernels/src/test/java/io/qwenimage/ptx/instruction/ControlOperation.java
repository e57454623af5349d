package io.qwenimage.ptx.instruction;

/**
 * An operation that decides where its lanes go next: it leaves the current path's program counter as it shall be. It is
 * also called when the guard lets no lane through.
 */
@FunctionalInterface
public interface ControlOperation extends Operation {
}
