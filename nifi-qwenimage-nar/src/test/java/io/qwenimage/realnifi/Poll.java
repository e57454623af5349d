package io.qwenimage.realnifi;

import java.io.IOException;
import java.time.Duration;
import java.util.function.Predicate;
import java.util.function.Supplier;

/**
 * Waits for something that only asking again can show.
 *
 * @param what what is waited for, for the message when it does not come
 * @param limit how long to wait
 * @param details more for that message, asked for only then
 */
record Poll(String what, Duration limit, Supplier<String> details) {
    private static final long PAUSE_MILLIS = 200;

    /** A question whose answer may change with time. */
    @FunctionalInterface
    interface Question<T> {
        T ask() throws IOException, InterruptedException;
    }

    /**
     * Asks until an answer is accepted.
     *
     * @return the accepted answer
     * @throws IllegalStateException when the limit is over, with the last answer and the details
     */
    <T> T until(final Question<T> question, final Predicate<T> accepted) throws IOException, InterruptedException {
        final long deadline = System.nanoTime() + limit.toNanos();
        while (true) {
            final T answer = question.ask();
            if (accepted.test(answer)) {
                return answer;
            }
            if (System.nanoTime() > deadline) {
                throw new IllegalStateException("Waited " + limit.toSeconds() + " s in vain for " + what
                        + "; the last answer was " + answer
                        + System.lineSeparator() + details.get());
            }
            Thread.sleep(PAUSE_MILLIS);
        }
    }
}
