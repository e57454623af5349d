package io.qwenimage.ptx.inspection;

/** What the inspector finds fault with. */
public enum FindingKind {
    OUT_OF_BOUNDS("access out of bounds"),
    USE_AFTER_FREE("use after free"),
    MISALIGNED("misaligned access"),
    READ_ONLY("write to read-only memory"),
    UNINITIALISED_MEMORY("read of memory never written"),
    UNINITIALISED_REGISTER("read of a register never written"),
    RACE("race"),
    ASYNC_COPY_IN_FLIGHT("access to the destination of an unfinished copy"),
    PROXY_FENCE_MISSING("asynchronous proxy without a fence"),
    WGMMA_IN_FLIGHT("registers of an unfinished wgmma"),
    DIVERGED("aligned instruction in a diverged warp"),
    LANE_MASK("lane mask"),
    BARRIER("barrier"),
    DEADLOCK("deadlock"),
    INVALID_OPERAND("invalid operand value"),
    TRAP("trap");

    private final String text;

    FindingKind(final String text) {
        this.text = text;
    }

    @Override
    public String toString() {
        return text;
    }
}
