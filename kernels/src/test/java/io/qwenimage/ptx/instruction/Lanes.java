package io.qwenimage.ptx.instruction;

import java.util.function.IntBinaryOperator;
import java.util.function.IntUnaryOperator;
import java.util.function.LongBinaryOperator;
import java.util.function.LongUnaryOperator;

/** Operations that do the same for each lane, from one, two or three slots of a bank to another. */
final class Lanes {
    private Lanes() {
    }

    static Operation ints(final int target, final int a, final IntUnaryOperator function) {
        return (warp, mask) -> {
            final int[] x = warp.ints(a);
            final int[] result = warp.ints(target);
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) != 0) {
                    result[lane] = function.applyAsInt(x[lane]);
                }
            }
        };
    }

    static Operation longs(final int target, final int a, final LongUnaryOperator function) {
        return (warp, mask) -> {
            final long[] x = warp.longs(a);
            final long[] result = warp.longs(target);
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) != 0) {
                    result[lane] = function.applyAsLong(x[lane]);
                }
            }
        };
    }

    static Operation ints(final int target, final int a, final int b, final IntBinaryOperator function) {
        return (warp, mask) -> {
            final int[] x = warp.ints(a);
            final int[] y = warp.ints(b);
            final int[] result = warp.ints(target);
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) != 0) {
                    result[lane] = function.applyAsInt(x[lane], y[lane]);
                }
            }
        };
    }

    static Operation longs(final int target, final int a, final int b, final LongBinaryOperator function) {
        return (warp, mask) -> {
            final long[] x = warp.longs(a);
            final long[] y = warp.longs(b);
            final long[] result = warp.longs(target);
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) != 0) {
                    result[lane] = function.applyAsLong(x[lane], y[lane]);
                }
            }
        };
    }

    static Operation ints(final int target, final int a, final int b, final int c, final IntTernary function) {
        return (warp, mask) -> {
            final int[] x = warp.ints(a);
            final int[] y = warp.ints(b);
            final int[] z = warp.ints(c);
            final int[] result = warp.ints(target);
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) != 0) {
                    result[lane] = function.apply(x[lane], y[lane], z[lane]);
                }
            }
        };
    }

    static Operation longs(final int target, final int a, final int b, final int c, final LongTernary function) {
        return (warp, mask) -> {
            final long[] x = warp.longs(a);
            final long[] y = warp.longs(b);
            final long[] z = warp.longs(c);
            final long[] result = warp.longs(target);
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) != 0) {
                    result[lane] = function.apply(x[lane], y[lane], z[lane]);
                }
            }
        };
    }

    /** A 64-bit value and a 32-bit one, as for shifts. */
    static Operation shift(final int target, final int a, final int amount, final LongShift function) {
        return (warp, mask) -> {
            final long[] x = warp.longs(a);
            final int[] y = warp.ints(amount);
            final long[] result = warp.longs(target);
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) != 0) {
                    result[lane] = function.apply(x[lane], y[lane]);
                }
            }
        };
    }

    /** From the 64-bit bank to the 32-bit one. */
    static Operation narrowing(final int target, final int a, final LongToInt function) {
        return (warp, mask) -> {
            final long[] x = warp.longs(a);
            final int[] result = warp.ints(target);
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) != 0) {
                    result[lane] = function.apply(x[lane]);
                }
            }
        };
    }

    /** From the 32-bit bank to the 64-bit one. */
    static Operation widening(final int target, final int a, final IntToLong function) {
        return (warp, mask) -> {
            final int[] x = warp.ints(a);
            final long[] result = warp.longs(target);
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) != 0) {
                    result[lane] = function.apply(x[lane]);
                }
            }
        };
    }

    /** Two 32-bit values make a 64-bit one. */
    static Operation wideningPair(final int target, final int a, final int b, final IntsToLong function) {
        return (warp, mask) -> {
            final int[] x = warp.ints(a);
            final int[] y = warp.ints(b);
            final long[] result = warp.longs(target);
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) != 0) {
                    result[lane] = function.apply(x[lane], y[lane]);
                }
            }
        };
    }

    /** A function of three 32-bit values. */
    @FunctionalInterface
    interface IntTernary {
        int apply(int a, int b, int c);
    }

    /** A function of three 64-bit values. */
    @FunctionalInterface
    interface LongTernary {
        long apply(long a, long b, long c);
    }

    /** A function of a 64-bit value and a 32-bit amount. */
    @FunctionalInterface
    interface LongShift {
        long apply(long a, int amount);
    }

    /** A function from 64 to 32 bits. */
    @FunctionalInterface
    interface LongToInt {
        int apply(long a);
    }

    /** A function from 32 to 64 bits. */
    @FunctionalInterface
    interface IntToLong {
        long apply(int a);
    }

    /** A function from two 32-bit values to a 64-bit one. */
    @FunctionalInterface
    interface IntsToLong {
        long apply(int a, int b);
    }
}
