package io.qwenimage.kernels.standin;

/** A call is answered with an error. */
class Refusal extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int result;

    /**
     * @param result of {@code CUresult}, or a library's status
     * @param fault what the caller did wrong, or null where that is no fault of the caller
     */
    Refusal(final int result, final String fault) {
        super(fault, null, false, false);
        this.result = result;
    }

    int result() {
        return result;
    }
}
