package io.qwenimage.ptx.memory;

/**
 * Where the windows of the generic address space lie. Global addresses are generic addresses; the other spaces have
 * addresses of their own that start near 0, and a window. A shared address of another block of the cluster carries that
 * block's rank plus one from bit {@link #RANK_SHIFT} on, as a {@code mapa} instruction makes it.
 */
public final class AddressMap {
    /** First address of a block's shared variables; the bytes below belong to the system, so that 0 is never valid. */
    public static final int SHARED_START = 1024;
    public static final int RANK_SHIFT = 24;
    public static final long SHARED_WINDOW = 0x7e00_0000_0000L;
    public static final long LOCAL_WINDOW = 0x7d00_0000_0000L;
    public static final long PARAMETER_WINDOW = 0x7c00_0000_0000L;
    public static final long WINDOW_BYTES = 0x1_0000_0000L;

    private AddressMap() {
    }

    /** The space in which a generic address lies. */
    public static Space spaceOf(final long generic) {
        if (within(generic, SHARED_WINDOW)) {
            return Space.SHARED;
        }
        if (within(generic, LOCAL_WINDOW)) {
            return Space.LOCAL;
        }
        return within(generic, PARAMETER_WINDOW) ? Space.PARAMETER : Space.GLOBAL;
    }

    /** First generic address of a space; 0 for those whose addresses are generic already. */
    public static long windowOf(final Space space) {
        return switch (space) {
            case SHARED -> SHARED_WINDOW;
            case LOCAL -> LOCAL_WINDOW;
            case PARAMETER -> PARAMETER_WINDOW;
            case GENERIC, GLOBAL, CONSTANT -> 0;
        };
    }

    private static boolean within(final long address, final long window) {
        return address >= window && address - window < WINDOW_BYTES;
    }
}
