package io.qwenimage.kernels.standin;

/**
 * What callers of a library hold by opaque pointers: handles and descriptors.
 *
 * @param notInitialized the library's status for a pointer that is null
 */
record LibraryObjects(StandIn standIn, int notInitialized) {
    /** Opens an object and writes its pointer to where the first argument points. */
    void open(final Arguments arguments, final Object object) {
        arguments.pointer(0).setLong(0, standIn.session().handles().open(object));
    }

    /** Closes the object that the first argument points to. */
    void close(final Arguments arguments, final Class<?> type) {
        standIn.session().handles().close(arguments.word(0), type);
    }

    /** The object that an argument points to. */
    <T> T get(final Arguments arguments, final int index, final Class<T> type) {
        if (arguments.word(index) == 0) {
            throw new Refusal(notInitialized, "argument " + index + " is null, not a " + type.getSimpleName());
        }
        return standIn.session().handles().get(arguments.word(index), type);
    }
}
