package io.qwenimage.diffusion;

/**
 * The 32-bit Mersenne Twister MT19937 of Matsumoto and Nishimura, seeded from 32 bits as {@code at::mt19937} of
 * torch is. Belongs to one thread.
 */
final class MersenneTwister {
    private static final int SIZE = 624;
    private static final int MIDDLE = 397;
    private static final int TWIST = 0x9908b0df;

    private final int[] state = new int[SIZE];
    private int next = SIZE;

    MersenneTwister(final int seed) {
        state[0] = seed;
        for (int i = 1; i < SIZE; i++) {
            state[i] = 1812433253 * (state[i - 1] ^ (state[i - 1] >>> 30)) + i;
        }
    }

    /** The next 32 bits. */
    int nextInt() {
        if (next == SIZE) {
            regenerate();
            next = 0;
        }
        int bits = state[next++];
        bits ^= bits >>> 11;
        bits ^= (bits << 7) & 0x9d2c5680;
        bits ^= (bits << 15) & 0xefc60000;
        return bits ^ (bits >>> 18);
    }

    /** The next 64 bits, the upper half drawn first. */
    long nextLong() {
        final long upper = nextInt() & 0xffffffffL;
        return upper << 32 | nextInt() & 0xffffffffL;
    }

    private void regenerate() {
        for (int i = 0; i < SIZE; i++) {
            final int mixed = (state[i] & 0x80000000) | (state[(i + 1) % SIZE] & 0x7fffffff);
            state[i] = state[(i + MIDDLE) % SIZE] ^ (mixed >>> 1) ^ ((mixed & 1) * TWIST);
        }
    }
}
