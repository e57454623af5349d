package io.qwenimage.realnifi;

import java.io.IOException;
import java.lang.reflect.InvocationTargetException;

/** Starts NiFi inside its own process, and ends that process when the one that started it is gone, however it ended. */
final class ServerMain {
    private static final int ABANDONED = 3;

    private ServerMain() {
    }

    /** Expects the process id of the starter as its only argument. */
    public static void main(final String[] arguments) throws ReflectiveOperationException, IOException {
        final long starter = Long.parseLong(arguments[0]);
        ProcessHandle.of(starter).ifPresentOrElse(
                handle -> handle.onExit().thenRun(() -> Runtime.getRuntime().halt(ABANDONED)),
                () -> Runtime.getRuntime().halt(ABANDONED));
        StandInServer.startIfWanted();
        try {
            Class.forName("org.apache.nifi.NiFi").getMethod("main", String[].class)
                    .invoke(null, (Object) new String[0]);
        } catch (final InvocationTargetException e) {
            throw new IllegalStateException("NiFi did not start", e.getCause());
        }
    }
}
