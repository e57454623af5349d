package io.qwenimage.ptx.counting;

/** Classes by which instructions are counted. */
public enum InstructionClass {
    TENSOR, FMA, FLOAT, INTEGER, SPECIAL, CONVERSION, MOVE,
    LOAD_GLOBAL, STORE_GLOBAL, LOAD_SHARED, STORE_SHARED, LOAD_LOCAL, STORE_LOCAL, LOAD_OTHER, ATOMIC, ASYNC_COPY,
    SHUFFLE, BARRIER, BRANCH, OTHER
}
