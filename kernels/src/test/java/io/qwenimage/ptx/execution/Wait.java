package io.qwenimage.ptx.execution;

import java.util.function.BooleanSupplier;

/**
 * What a path waits for.
 *
 * @param condition becomes true when the path may go on
 * @param description what messages say it waits for
 */
record Wait(BooleanSupplier condition, String description) {
}
