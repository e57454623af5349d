package io.qwenimage.ptx.execution;

import io.qwenimage.ptx.counting.CounterSheet;
import io.qwenimage.ptx.inspection.AccessOrder;
import io.qwenimage.ptx.inspection.Finding;
import io.qwenimage.ptx.inspection.FindingKind;
import io.qwenimage.ptx.inspection.VectorClock;
import io.qwenimage.ptx.instruction.DecodedFunction;
import io.qwenimage.ptx.instruction.DecodedInstruction;
import io.qwenimage.ptx.instruction.Operation;
import io.qwenimage.ptx.memory.MemoryRegion;
import java.util.function.BooleanSupplier;

/**
 * Up to 32 threads that execute in lock-step as long as they do not diverge. Operations see through it the registers of
 * the path that is running, memory, and the block around.
 */
public final class Warp implements AccessOrder {
    public static final int LANES = 32;
    /** A loop that waits for something is not longer, in instructions. */
    private static final int LONGEST_SPIN = 256;

    private final Block block;
    private final int index;
    private final int participant;
    private final int initialMask;
    private final VectorClock clock;
    private final int[] laneTime = new int[LANES];
    private final CounterSheet counters;
    private final MemoryRegion localMemory;
    private final MemoryAccess access;
    private final Attachments attachments = new Attachments();
    private final Paths paths;
    private Frame frame;
    private DecodedInstruction instruction;
    private int activeMask;
    private int position;
    private boolean interrupted;
    private boolean stalled;
    /** Bit per lane: whose operands of the exchange that is about to happen have values. */
    private int known;
    private int sinceStall = LONGEST_SPIN;
    private long executed;

    Warp(final Block block, final int index, final CounterSheet counters) {
        this.block = block;
        this.index = index;
        this.participant = block.rank() * block.launch().warpsPerBlock() + index;
        final int threads = Math.min(LANES, block.launch().threadsPerBlock() - index * LANES);
        this.initialMask = threads == LANES ? -1 : (1 << threads) - 1;
        this.clock = new VectorClock(block.cluster().participants());
        this.counters = counters;
        clock.tick(participant);
        final int localBytes = block.launch().kernel().localBytes();
        this.localMemory = new MemoryRegion("local memory", 0, LANES * localBytes);
        this.access = new MemoryAccess(this);
        this.frame = new Frame(block.launch().kernel().entry(), null, -1, 0, this);
        this.paths = new Paths(this, frame, initialMask);
    }

    // What operations use.

    /** The 32 values of a slot of the 32-bit bank. */
    public int[] ints(final int slot) {
        return frame.ints[slot];
    }

    /** The 32 values of a slot of the 64-bit bank. */
    public long[] longs(final int slot) {
        return frame.longs[slot];
    }

    /** Bit per lane: where the predicate is true. */
    public int predicate(final int slot) {
        return frame.predicates[slot];
    }

    /** Sets a predicate for the lanes of the mask; the other lanes keep theirs. */
    public void setPredicate(final int slot, final int mask, final int values) {
        frame.predicates[slot] = frame.predicates[slot] & ~mask | values & mask;
    }

    public Frame frame() {
        return frame;
    }

    public MemoryAccess memory() {
        return access;
    }

    public Block block() {
        return block;
    }

    public ClusterRun cluster() {
        return block.cluster();
    }

    public Launch launch() {
        return block.launch();
    }

    /** Number of the warp in its block. */
    public int index() {
        return index;
    }

    /** Bit per lane: threads that exist and have not exited. */
    public int liveMask() {
        return paths.liveMask();
    }

    /** Bit per lane: threads that existed when the block started. */
    public int initialMask() {
        return initialMask;
    }

    /** Bit per lane: the lanes of the running path, whether or not the guard lets them through. */
    public int activeMask() {
        return activeMask;
    }

    /** The instruction that is being executed. */
    public DecodedInstruction instruction() {
        return instruction;
    }

    public CounterSheet counters() {
        return counters;
    }

    /** Position in the kernel of the instruction that is being executed; -1 within a function that it calls. */
    int position() {
        return frame.caller == null ? position : -1;
    }

    /** What instruction families keep for this warp. */
    public Attachments attachments() {
        return attachments;
    }

    /** Instructions executed so far: the machine's clock. */
    public long cycles() {
        return executed;
    }

    /** Index of a lane's thread in its block along an axis. */
    public int threadIndex(final int lane, final int axis) {
        return launch().threadIndex(index * LANES + lane, axis);
    }

    /** The running path goes on only when the condition has become true; what is to happen then belongs into it. */
    public void await(final BooleanSupplier condition, final String description) {
        paths.current().wait = new Wait(condition, description);
        interrupted = true;
    }

    /** Says that the running path asked in vain for something that others have to bring about: they run first. */
    public void stall() {
        stalled = true;
        interrupted = true;
    }

    /** Notes that lanes met at a warp-wide instruction: what they did before is ordered before what they do now. */
    public void synchroniseLanes(final int mask) {
        clock.tick(participant);
        final int time = clock.time(participant);
        for (int lane = 0; lane < LANES; lane++) {
            if ((mask >>> lane & 1) != 0) {
                laneTime[lane] = time;
            }
        }
    }

    /** Publishes what the warp has done so far into a clock: others that acquire it come after. */
    public void release(final VectorClock into) {
        into.join(clock);
        clock.tick(participant);
    }

    /** Learns what others released into a clock. */
    public void acquire(final VectorClock from) {
        clock.join(from);
    }

    /** Reports a fault of the instruction that is being executed. */
    public void report(final FindingKind kind, final int lane, final String message) {
        report(kind, lane, message, instruction);
    }

    /** Reports a fault of a given instruction. */
    public void report(final FindingKind kind, final int lane, final String message, final DecodedInstruction at) {
        launch().findings().add(new Finding(kind, launch().kernel().name(), at.line, at.text, block.name(),
            launch().threadName(index * LANES + lane), message, 1));
    }

    // The order of accesses, for the race detector.

    @Override
    public int participant() {
        return participant;
    }

    @Override
    public VectorClock clock() {
        return clock;
    }

    @Override
    public boolean lanesSynchronisedSince(final int lane, final int other, final int time) {
        return laneTime[lane] > time && laneTime[other] > time;
    }

    // Control flow, used by control operations: they move the running path.

    /** Lanes of the mask go to the target, the others of the path to the next instruction. */
    public void branch(final int target, final int taken) {
        paths.branch(target, taken, instruction.reconvergence);
    }

    /** Each lane of the mask goes to its own target, the others of the path to the next instruction. */
    public void branchIndexed(final int[] targets, final int mask) {
        paths.branchIndexed(targets, mask, instruction.reconvergence);
    }

    /** Lanes of the mask end; the others of the path go to the next instruction. */
    public void exit(final int mask) {
        paths.exit(mask);
    }

    /**
     * Lanes of the mask enter a function; the given operations copy arguments at once and results on return.
     *
     * @param again lanes of the path that execute the call once more, for another function
     */
    public void call(final DecodedFunction function, final int mask, final int again, final FrameCopy arguments,
                     final FrameCopy results) {
        paths.call(function, mask, again, arguments, results);
    }

    /** Lanes of the mask return from the function they are in; from the kernel itself they exit. */
    public void returnFromCall(final int mask) {
        if (frame.caller == null) {
            exit(mask);
        } else {
            paths.returnFromCall(mask);
        }
    }

    // Running, used by the scheduler.

    boolean isFinished() {
        return paths.liveMask() == 0;
    }

    /** Whether every path waits for something that has not happened. */
    boolean isBlocked() {
        return !paths.hasReady();
    }

    /** Lets lanes that wait for diverged ones go on without them; returns whether there were any. */
    boolean releaseWaitingLanes() {
        return paths.releaseWaiting();
    }

    String describeWait() {
        return paths.describeWait();
    }

    /** The instruction of a path that waits, for messages; and one of its lanes. */
    Paths paths() {
        return paths;
    }

    /** The local memory of the 32 lanes, one after the other; its bytes divided by 32 are one lane's. */
    public MemoryRegion localMemory() {
        return localMemory;
    }

    /** Runs up to so many instructions; returns whether it ended because a path asked in vain for something. */
    boolean run(final int budget) {
        int left = budget;
        stalled = false;
        while (left > 0 && !stalled && paths.select()) {
            left = advance(left);
        }
        if (stalled) {
            paths.deselect();
        }
        sinceStall = stalled ? 0 : Math.min(sinceStall + budget - left, LONGEST_SPIN);
        return stalled;
    }

    /** Whether it has asked in vain for something a few instructions ago, and so is probably about to ask again. */
    boolean isSpinning() {
        return sinceStall < LONGEST_SPIN;
    }

    private int advance(final int budget) {
        final Path path = paths.current();
        final Frame own = path.frame;
        final DecodedInstruction[] code = own.function.code();
        final int meeting = path.meetingPosition();
        final int mask = path.mask;
        int at = path.position;
        int left = budget;
        frame = own;
        activeMask = mask;
        interrupted = false;
        while (left > 0) {
            if (at == meeting) {
                path.position = at;
                paths.arrive();
                return left;
            }
            final DecodedInstruction next = code[at];
            int lanes = mask;
            if (next.guard >= 0) {
                final int guard = own.predicates[next.guard];
                lanes &= next.guardNegated ? ~guard : guard;
            }
            left--;
            executed++;
            instruction = next;
            counters.warpExecutions[next.id]++;
            counters.laneExecutions[next.id] += Integer.bitCount(lanes);
            if (next.aligned && lanes != 0 && lanes != paths.liveMask()) {
                reportDivergence(lanes);
            }
            if (next.isWatched()) {
                inspectRegisters(next, mask, lanes);
            }
            if (next.control) {
                path.position = at;
                next.operation.execute(this, lanes);
                return left;
            }
            position = at++;
            if (lanes != 0) {
                final Operation operation = next.operation;
                operation.execute(this, lanes);
                if (interrupted) {
                    break;
                }
            }
        }
        path.position = at;
        return left;
    }

    private void reportDivergence(final int lanes) {
        final int absent = paths.liveMask() & ~lanes;
        report(FindingKind.DIVERGED, Integer.numberOfTrailingZeros(absent), "lanes 0x" + Integer.toHexString(absent)
            + " of the warp do not execute it together with the others");
    }

    /**
     * Reports reads of registers that have no value, and notes which have one afterwards. What is passed on or computed
     * from such registers has no value itself; a fault is to act upon it.
     */
    private void inspectRegisters(final DecodedInstruction next, final int path, final int lanes) {
        final int[] written = frame.written;
        int any = next.knownSource ? -1 : 0;
        int all = -1;
        for (final int register : next.watchedReads) {
            any |= written[register];
            all &= written[register];
        }
        int without = 0;
        switch (next.register) {
            case PASSES_ON -> without = ~any;
            case COMPUTES -> without = ~all;
            case EXCHANGES -> known = all;
            default -> reportMissing(next, lanes & ~all);
        }
        if (next.watchedGuard >= 0 && (path & ~written[next.watchedGuard]) != 0) {
            reportRegister(next.watchedGuard, path & ~written[next.watchedGuard]);
        }
        if (next.register == DecodedInstruction.RegisterUse.EXCHANGES) {
            noteOrigin(next, lanes);
            return;
        }
        if ((lanes & without) != 0) {
            noteOrigin(next, lanes & without);
        }
        for (final int register : next.watchedWrites) {
            written[register] = written[register] & ~(lanes & without) | lanes & ~without;
        }
    }

    /** Says that lanes of the mask have got the values of other lanes, and with them whether they have one. */
    public void exchanged(final int mask, final int[] from) {
        if (instruction.watchedWrites.length == 0) {
            return;
        }
        int got = 0;
        for (int lane = 0; lane < LANES; lane++) {
            got |= (known >>> from[lane] & 1) << lane;
        }
        for (final int register : instruction.watchedWrites) {
            frame.written[register] = frame.written[register] & ~mask | got & mask;
        }
    }

    private void noteOrigin(final DecodedInstruction next, final int lanes) {
        for (final int register : next.watchedReads) {
            if ((lanes & ~frame.written[register]) != 0) {
                for (final int result : next.watchedWrites) {
                    frame.origin[result] = frame.origin[register];
                }
                return;
            }
        }
    }

    private void reportMissing(final DecodedInstruction next, final int lanes) {
        for (final int register : next.watchedReads) {
            final int missing = lanes & ~frame.written[register];
            if (missing != 0) {
                reportRegister(register, missing);
            }
        }
    }

    private void reportRegister(final int register, final int missing) {
        final DecodedFunction function = frame.function;
        final int origin = frame.origin[register];
        report(FindingKind.UNINITIALISED_REGISTER, Integer.numberOfTrailingZeros(missing), "register "
            + function.watchedName(register) + " has no value"
            + (origin == register ? ""
                : ": it was computed from " + function.watchedName(origin) + ", which was never written"));
    }
}
