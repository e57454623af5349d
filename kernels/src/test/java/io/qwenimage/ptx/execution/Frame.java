package io.qwenimage.ptx.execution;

import io.qwenimage.ptx.instruction.DecodedFunction;
import io.qwenimage.ptx.instruction.FunctionLayout;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * The registers of one call of a function by one warp. Every slot holds 32 values, one for each lane; predicates hold a
 * bit for each lane.
 */
public final class Frame {
    final DecodedFunction function;
    final Frame caller;
    final int returnPosition;
    final int[][] ints;
    final long[][] longs;
    final int[] predicates;
    /** Of each watched register the lanes that have written it. */
    final int[] written;
    /** Of each watched register without a value the one that was never written and from which it was computed. */
    final int[] origin;
    final int localBase;
    private int carry;
    /** Copies results to the caller on return. */
    FrameCopy results;

    Frame(final DecodedFunction function, final Frame caller, final int returnPosition, final int localBase,
          final Warp warp) {
        final FunctionLayout layout = function.layout();
        this.function = function;
        this.caller = caller;
        this.returnPosition = returnPosition;
        this.localBase = localBase;
        this.ints = new int[layout.intSlots()][];
        this.longs = new long[layout.longSlots()][];
        this.predicates = new int[layout.predicateSlots()];
        this.written = new int[function.watchedRegisters()];
        this.origin = IntStream.range(0, written.length).toArray();
        for (int slot = 0; slot < ints.length; slot++) {
            ints[slot] = new int[32];
        }
        for (int slot = 0; slot < longs.length; slot++) {
            longs[slot] = new long[32];
        }
        for (final Map.Entry<Integer, Integer> constant : layout.intConstants().entrySet()) {
            Arrays.fill(ints[constant.getValue()], constant.getKey());
        }
        for (final Map.Entry<Long, Integer> constant : layout.longConstants().entrySet()) {
            Arrays.fill(longs[constant.getValue()], constant.getKey());
        }
        for (final Map.Entry<Long, Integer> address : layout.localAddresses().entrySet()) {
            Arrays.fill(longs[address.getValue()], localBase + address.getKey());
        }
        for (final Map.Entry<SpecialRegister, Integer> special : layout.specials().entrySet()) {
            refresh(special.getKey(), special.getValue(), warp);
        }
    }

    /** Sets a predicate for the lanes of the mask, whether or not the frame is the one that is running. */
    public void setPredicate(final int slot, final int mask, final int values) {
        predicates[slot] = predicates[slot] & ~mask | values & mask;
    }

    /** The condition code register's carry flag: a bit for each lane. */
    public int carry() {
        return carry;
    }

    public void setCarry(final int lanes) {
        carry = lanes;
    }

    /** Where the function's variables lie in the local memory of its threads. */
    public int localBase() {
        return localBase;
    }

    public DecodedFunction function() {
        return function;
    }

    /** Reads a special register anew. */
    public void refresh(final SpecialRegister special, final int slot, final Warp warp) {
        for (int lane = 0; lane < 32; lane++) {
            final long value = special.value(warp, lane);
            if (special.bits() == 64) {
                longs[slot][lane] = value;
            } else {
                ints[slot][lane] = (int) value;
            }
        }
    }
}
