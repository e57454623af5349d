package io.qwenimage.ptx.memory;

/** The state spaces that an access names; a generic address tells its space by the window it lies in. */
public enum Space { GENERIC, GLOBAL, SHARED, LOCAL, PARAMETER, CONSTANT }
