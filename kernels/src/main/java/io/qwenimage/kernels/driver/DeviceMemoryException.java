package io.qwenimage.kernels.driver;

/**
 * Device memory is spent, or the budget is. The device goes on: what was asked can succeed once others have given
 * memory back. The message names what was asked, what was free, and what would help.
 */
public final class DeviceMemoryException extends RuntimeException {
    private final long requestedBytes;
    private final MemoryBooks books;

    /**
     * @param message complete
     * @param requestedBytes what was asked
     * @param books of the pool at that moment
     */
    public DeviceMemoryException(final String message, final long requestedBytes, final MemoryBooks books) {
        super(message);
        this.requestedBytes = requestedBytes;
        this.books = books;
    }

    /** What was asked. */
    public long requestedBytes() {
        return requestedBytes;
    }

    /** The pool's books when it was asked. */
    public MemoryBooks books() {
        return books;
    }
}
