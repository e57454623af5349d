package io.qwenimage.ptx.text;

/** A declared register. Two registers of one name in different scopes are two objects: identity counts. */
public final class PtxRegister {
    private final String name;
    private final PtxType type;

    PtxRegister(final String name, final PtxType type) {
        this.name = name;
        this.type = type;
    }

    public String name() {
        return name;
    }

    public PtxType type() {
        return type;
    }

    @Override
    public String toString() {
        return name;
    }
}
