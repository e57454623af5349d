package io.qwenimage.image;

import java.util.Arrays;
import java.util.List;

/** The entropy-coded part of a JPEG scan (T.81, annexes F and G), with Huffman codes. */
final class JpegScan {
    /** [zigzag position]: natural position; positions beyond a block, which damaged files reach, fall on the last. */
    private static final int[] NATURAL = {
        0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
        28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61,
        54, 47, 55, 62, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63};

    private final List<JpegComponent> components;
    private final boolean progressive;
    private final int first;
    private final int last;
    private final boolean refining;
    private final int shift;
    private final JpegBits bits;
    private final int[] block = new int[JpegComponent.BLOCK_SAMPLES];
    /** Blocks still to come in which nothing new begins. */
    private int emptyBlocks;

    /**
     * A scan whose header has been read.
     *
     * @param first    first coefficient, zigzag
     * @param last     last coefficient
     * @param refining whether bits are added to coefficients that earlier scans gave
     * @param shift    bits that later scans will add
     */
    JpegScan(final List<JpegComponent> components, final boolean progressive, final int first, final int last,
            final boolean refining, final int shift, final JpegBits bits) {
        this.components = components;
        this.progressive = progressive;
        this.first = first;
        this.last = last;
        this.refining = refining;
        this.shift = shift;
        this.bits = bits;
    }

    /** The natural position of a coefficient's zigzag position. */
    static int natural(final int zigzag) {
        return NATURAL[zigzag];
    }

    /** Decodes every unit; a lone component's units are its blocks. */
    void decode(final int unitsWide, final int unitsHigh, final int restartInterval) {
        final boolean lone = components.size() == 1;
        final int wide = lone ? components.getFirst().blocksWide : unitsWide;
        final int high = lone ? components.getFirst().blocksHigh : unitsHigh;
        int toRestart = restartInterval;
        restart();
        for (int unitY = 0; unitY < high; unitY++) {
            for (int unitX = 0; unitX < wide; unitX++) {
                if (restartInterval > 0 && toRestart-- == 0) {
                    bits.restart();
                    restart();
                    toRestart = restartInterval - 1;
                }
                if (lone) {
                    block(components.getFirst(), unitY, unitX);
                } else {
                    unit(unitY, unitX);
                }
                bits.check();
            }
        }
        bits.finish();
    }

    private void restart() {
        components.forEach(component -> component.prediction = 0);
        emptyBlocks = 0;
    }

    private void unit(final int unitY, final int unitX) {
        for (final JpegComponent component : components) {
            for (int y = 0; y < component.vertical; y++) {
                for (int x = 0; x < component.horizontal; x++) {
                    block(component, unitY * component.vertical + y, unitX * component.horizontal + x);
                }
            }
        }
    }

    private void block(final JpegComponent component, final int y, final int x) {
        if (!progressive) {
            sequential(component);
            JpegTransform.inverse(block, component.samples, component.offset(y, x), component.stride());
            return;
        }
        final int at = (y * component.paddedBlocksWide + x) * JpegComponent.BLOCK_SAMPLES;
        if (first == 0) {
            direct(component, at);
        } else if (refining) {
            refined(component, at);
        } else {
            alternating(component, at);
        }
    }

    /** A whole block, dequantised. */
    private void sequential(final JpegComponent component) {
        Arrays.fill(block, 0);
        component.prediction += bits.signed(component.directCodes.next(bits) & 15);
        block[0] = (short) component.prediction * component.table[0];
        for (int k = 1; k < JpegComponent.BLOCK_SAMPLES; k++) {
            final int symbol = component.alternatingCodes.next(bits);
            final int size = symbol & 15;
            k += symbol >> 4;
            if (size > 0) {
                final int place = NATURAL[k];
                block[place] = bits.signed(size) * component.table[place];
            } else if (symbol != 0xf0) {
                break;
            }
        }
    }

    private void direct(final JpegComponent component, final int at) {
        if (refining) {
            component.coefficients[at] |= (short) (bits.take(1) << shift);
        } else {
            component.prediction += bits.signed(component.directCodes.next(bits) & 15);
            component.coefficients[at] = (short) (component.prediction << shift);
        }
    }

    private void alternating(final JpegComponent component, final int at) {
        if (emptyBlocks > 0) {
            emptyBlocks--;
            return;
        }
        for (int k = first; k <= last; k++) {
            final int symbol = component.alternatingCodes.next(bits);
            final int run = symbol >> 4;
            final int size = symbol & 15;
            if (size > 0) {
                k += run;
                component.coefficients[at + NATURAL[k]] = (short) (bits.signed(size) << shift);
            } else if (run == 15) {
                k += 15;
            } else {
                emptyBlocks = (1 << run) + bits.take(run) - 1;
                return;
            }
        }
    }

    /** Adds a bit to every coefficient that is not zero, and begins new ones in between (T.81, figure G.7). */
    private void refined(final JpegComponent component, final int at) {
        int k = first;
        while (emptyBlocks == 0 && k <= last) {
            final int symbol = component.alternatingCodes.next(bits);
            final int run = symbol >> 4;
            int begun = 0;
            if ((symbol & 15) > 0) {
                begun = bits.take(1) == 1 ? 1 << shift : -1 << shift;
            } else if (run < 15) {
                emptyBlocks = (1 << run) + bits.take(run);
                break;
            }
            k = afterZeros(component.coefficients, at, k, run);
            if (begun != 0 && k < JpegComponent.BLOCK_SAMPLES) {
                component.coefficients[at + NATURAL[k]] = (short) begun;
            }
            k++;
        }
        if (emptyBlocks > 0) {
            afterZeros(component.coefficients, at, k, JpegComponent.BLOCK_SAMPLES);
            emptyBlocks--;
        }
    }

    /** Refines on the way past so many zeros; gives the place of the zero after them, or the one behind the band. */
    private int afterZeros(final short[] coefficients, final int at, final int start, final int zeros) {
        int left = zeros;
        int k = start;
        while (k <= last) {
            final int place = at + NATURAL[k];
            final int value = coefficients[place];
            if (value == 0) {
                if (left-- == 0) {
                    break;
                }
            } else if (bits.take(1) == 1 && (value & 1 << shift) == 0) {
                coefficients[place] = (short) (value + (value > 0 ? 1 << shift : -1 << shift));
            }
            k++;
        }
        return k;
    }
}
