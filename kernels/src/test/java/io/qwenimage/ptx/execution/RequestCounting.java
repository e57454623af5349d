package io.qwenimage.ptx.execution;

import io.qwenimage.ptx.counting.CounterSheet;
import io.qwenimage.ptx.memory.AddressMap;
import io.qwenimage.ptx.memory.Space;
import java.util.Arrays;

/**
 * Counts what a warp's memory request costs: of global memory the sectors of 32 bytes it touches, of shared memory the
 * wavefronts, that is how often the 32 banks of 4 bytes have to be asked. A request of 8 bytes a lane is served in two
 * halves of the warp, one of 16 bytes in four quarters.
 */
final class RequestCounting {
    private static final int SECTOR_SHIFT = 5;

    private final long[] sectors = new long[32 * 8];
    private final long[] words = new long[32 * 8];
    private final int[] perBank = new int[32];

    void count(final CounterSheet counters, final int id, final Space space, final long[] addresses, final int mask,
               final int width) {
        counters.requests[id]++;
        counters.bytes[id] += (long) Integer.bitCount(mask) * width;
        Space in = space;
        if (space == Space.GENERIC) {
            in = AddressMap.spaceOf(addresses[Integer.numberOfTrailingZeros(mask)]);
        }
        if (in == Space.GLOBAL || in == Space.GENERIC) {
            countSectors(counters, id, addresses, mask, width);
        } else if (in == Space.SHARED) {
            countWavefronts(counters, id, addresses, mask, width);
        }
    }

    private void countSectors(final CounterSheet counters, final int id, final long[] addresses, final int mask,
                              final int width) {
        int count = 0;
        int distinct = 0;
        long lastAddress = -1;
        for (int lane = 0; lane < 32; lane++) {
            if ((mask >>> lane & 1) == 0) {
                continue;
            }
            final long address = addresses[lane];
            if (address != lastAddress && !seenBefore(addresses, mask, lane, lastAddress)) {
                distinct++;
            }
            lastAddress = address;
            for (long sector = address >> SECTOR_SHIFT; sector <= address + width - 1 >> SECTOR_SHIFT; sector++) {
                if ((count == 0 || sectors[count - 1] != sector) && !contains(sectors, count, sector)) {
                    sectors[count++] = sector;
                }
            }
        }
        counters.sectors[id] += count;
        counters.idealSectors[id] += ((long) distinct * width + 31) / 32;
    }

    /** Whether an earlier lane has this lane's address; ascending addresses answer at once. */
    private static boolean seenBefore(final long[] addresses, final int mask, final int lane, final long last) {
        if (addresses[lane] > last) {
            return false;
        }
        for (int other = 0; other < lane; other++) {
            if ((mask >>> other & 1) != 0 && addresses[other] == addresses[lane]) {
                return true;
            }
        }
        return false;
    }

    private static boolean contains(final long[] values, final int count, final long value) {
        for (int i = count - 1; i >= 0; i--) {
            if (values[i] == value) {
                return true;
            }
        }
        return false;
    }

    void countWavefronts(final CounterSheet counters, final int id, final long[] addresses, final int mask,
                                 final int width) {
        final int phases = Math.max(1, width / 4);
        final int lanes = 32 / phases;
        for (int phase = 0; phase < phases; phase++) {
            final int part = lanes == 32 ? mask : mask >>> phase * lanes & (1 << lanes) - 1;
            if (part != 0) {
                counters.wavefronts[id] += wavefronts(addresses, part, phase * lanes, width);
                counters.idealWavefronts[id]++;
            }
        }
    }

    /** The most different words that any bank has to give to these lanes. */
    int wavefronts(final long[] addresses, final int part, final int firstLane, final int width) {
        Arrays.fill(perBank, 0);
        int count = 0;
        int most = 0;
        for (int lane = 0; lane < 32; lane++) {
            if ((part >>> lane & 1) == 0) {
                continue;
            }
            final long address = addresses[firstLane + lane];
            for (long word = address >> 2; word <= address + width - 1 >> 2; word++) {
                if (!contains(words, count, word)) {
                    words[count++] = word;
                    most = Math.max(most, ++perBank[(int) word & 31]);
                }
            }
        }
        return most;
    }
}
