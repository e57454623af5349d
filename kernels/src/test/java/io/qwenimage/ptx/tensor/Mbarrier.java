package io.qwenimage.ptx.tensor;

/**
 * A barrier object of shared memory: it waits for a number of arrivals and for the bytes of asynchronous copies, then a
 * new phase begins. Every breach of its rules throws {@link IllegalStateException}; a device would hang or go on
 * wrongly.
 *
 * <p>Source: PTX ISA, "Parallel Synchronization and Communication Instructions: mbarrier".
 */
public final class Mbarrier {
    /** Largest number of arrivals and of bytes under way. */
    static final int MAXIMUM = (1 << 20) - 1;

    private int expected;
    private int pending;
    private int transactions;
    private long phase;

    /** A barrier in phase 0 that waits for so many arrivals. */
    public Mbarrier(final int count) {
        if (count < 1 || count > MAXIMUM) {
            throw new IllegalStateException("mbarrier.init with a count of " + count + ": 1 to " + MAXIMUM
                + " are accepted");
        }
        expected = count;
        pending = count;
    }

    /**
     * Counts arrivals, and completes the phase when they were the last.
     *
     * @param drops whether later phases expect as many fewer
     * @param mayComplete false for {@code .noComplete}, whose arrivals must not be the last
     * @return the state before, for {@link #isCompleted(long)}
     */
    public long arrive(final int count, final boolean drops, final boolean mayComplete) {
        if (count < 1 || count > pending) {
            throw new IllegalStateException(count + " arrivals at an mbarrier that waits for " + pending + " of "
                + expected
                + " in phase " + phase);
        }
        final long state = state();
        pending -= count;
        if (drops) {
            expected -= count;
        }
        if (!mayComplete && pending == 0) {
            throw new IllegalStateException("mbarrier.arrive.noComplete was the last arrival of phase " + phase);
        }
        advance();
        return state;
    }

    /** The current phase waits for one arrival more. */
    public void expectArrival() {
        if (pending == MAXIMUM) {
            throw new IllegalStateException("an mbarrier that waits for " + MAXIMUM + " arrivals cannot wait for more");
        }
        pending++;
    }

    /** Raises the bytes that the phase waits for. */
    public void expectTransactions(final int bytes) {
        add(bytes);
    }

    /** Lowers the bytes that the phase waits for, as a copy does that has landed, and may complete the phase. */
    public void completeTransactions(final int bytes) {
        add(-bytes);
        advance();
    }

    /** Whether the phase in which the state was taken is over. */
    public boolean isCompleted(final long state) {
        final long then = state >>> 32;
        if (then != phase && then != phase - 1) {
            throw new IllegalStateException("a wait for phase " + then + " of an mbarrier in phase " + phase
                + ": only the current and the one before can be waited for");
        }
        return then != phase;
    }

    /** Whether the newest phase of this parity is over: phases count from 0, the one before phase 0 is odd and over. */
    public boolean isCompletedParity(final int parity) {
        return (phase & 1) != parity;
    }

    /** Phase and pending arrivals, packed: what an arrival returns. */
    public long state() {
        return phase << 32 | pending;
    }

    /** The pending arrivals that a state holds. */
    public static int pendingCount(final long state) {
        return (int) state;
    }

    /** Whether anything has happened since it was initialised. */
    public boolean isUsed() {
        return phase != 0 || pending != expected || transactions != 0;
    }

    public int pending() {
        return pending;
    }

    public int transactions() {
        return transactions;
    }

    public long phase() {
        return phase;
    }

    @Override
    public String toString() {
        return "mbarrier in phase " + phase + " that waits for " + pending + " of " + expected + " arrivals and "
            + transactions + " bytes";
    }

    private void add(final int bytes) {
        final long sum = (long) transactions + bytes;
        if (Math.abs(sum) > MAXIMUM) {
            throw new IllegalStateException("the byte count of an mbarrier becomes " + sum + ", beyond " + MAXIMUM);
        }
        transactions = (int) sum;
    }

    private void advance() {
        if (pending == 0 && transactions == 0) {
            phase++;
            pending = expected;
        }
    }
}
