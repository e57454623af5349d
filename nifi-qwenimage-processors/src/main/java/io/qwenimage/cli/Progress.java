package io.qwenimage.cli;

import java.io.Console;
import java.io.PrintWriter;
import java.lang.reflect.InvocationTargetException;
import java.util.Locale;

/** Tells on standard error how far a picture is, where somebody watches. */
final class Progress {
    private final PrintWriter err;
    private final boolean shown;
    private final boolean overwriting;
    private final long start = System.nanoTime();

    /**
     * A display.
     *
     * @param verbose shows lines even where nobody watches
     */
    Progress(final PrintWriter err, final boolean verbose) {
        this.err = err;
        this.overwriting = !verbose && isWatched();
        this.shown = verbose || overwriting;
    }

    /** A line about what happens, shown only if something is shown at all. */
    void say(final String line) {
        if (shown) {
            err.println(line);
        }
    }

    /** A step is done. */
    void step(final int step, final int steps) {
        if (!shown) {
            return;
        }
        final double seconds = (System.nanoTime() - start) / 1e9;
        final String line = String.format(Locale.ROOT, "step %d of %d, %.1f s", step + 1, steps, seconds);
        if (overwriting && step + 1 < steps) {
            err.print("\r" + line);
            err.flush();
        } else {
            err.println((overwriting ? "\r" : "") + line);
        }
    }

    /** Whether input and output are a terminal. */
    private static boolean isWatched() {
        final Console console = System.console();
        if (console == null) {
            return false;
        }
        try {
            // Since Java 22 there is always a console, and it says whether it is a terminal.
            return (boolean) Console.class.getMethod("isTerminal").invoke(console);
        } catch (NoSuchMethodException e) {
            return true;
        } catch (IllegalAccessException | InvocationTargetException e) {
            return false;
        }
    }
}
