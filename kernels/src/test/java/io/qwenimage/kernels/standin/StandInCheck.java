package io.qwenimage.kernels.standin;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Sets the stand-in up as one A100 before every test, and fails a test that left findings unread or something open.
 * Tests that want other devices set it up anew themselves.
 */
public final class StandInCheck implements BeforeEachCallback, AfterEachCallback {
    @Override
    public void beforeEach(final ExtensionContext context) {
        StandIn.install().setUp(context.getUniqueId().hashCode(), PosedDevice.a100());
    }

    @Override
    public void afterEach(final ExtensionContext context) {
        final List<String> faults = new ArrayList<>(StandIn.install().findings());
        StandIn.install().open().forEach(open -> faults.add("left open: " + open));
        if (!faults.isEmpty()) {
            throw new AssertionError(String.join("\n", faults));
        }
    }
}
