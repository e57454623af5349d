package io.qwenimage.kernels.standin;

import java.util.function.Consumer;

/** Answers one function of the driver API; whatever it does not refuse has succeeded. */
@FunctionalInterface
interface Call {
    /** Returned where something has not happened yet, which is neither success nor a fault. */
    int SUCCESS = 0;

    int answer(Arguments arguments);

    /** A call that succeeds unless it refuses. */
    static Call of(final Consumer<Arguments> action) {
        return arguments -> {
            action.accept(arguments);
            return SUCCESS;
        };
    }
}
