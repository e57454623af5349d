package io.qwenimage.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.qwenimage.kernels.driver.ElementType;
import io.qwenimage.kernels.driver.TensorView;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The joint launch against the launches that it stands for: norm and rotation of each stream, and copies. */
@KernelTest
class JointHeadKernelsTest {
    private static final float EPS = 1e-6f;

    @ParameterizedTest
    @CsvSource({"BF16,2,128,7,21", "BF16,3,32,5,9", "F16,2,64,3,4", "F32,4,128,2,11", "BF16,1,12,4,5",
        "F32,2,6,3,2"})
    void testSequencesComeIntoTheOrderOfJointAttention(final ElementType type, final int heads, final int width,
            final int text, final int image, final KernelDevice device) {
        for (final int sequences : new int[] {1, 2, 3}) {
            final Random random = new Random(width + sequences);
            final int[] textOffsets = offsets(sequences, text, 1);
            final int[] imageOffsets = offsets(sequences, image, 0);
            final JointHeadKernels.Stream first = stream(device, random, type, textOffsets, heads, width);
            final JointHeadKernels.Stream second = stream(device, random, type, imageOffsets, heads, width);
            final int tokens = textOffsets[sequences] + imageOffsets[sequences];
            final TensorView out = device.empty(type, 3, tokens, heads, width);
            new JointHeadKernels(device.cuda()).joint(device.stream(), first, second, EPS, RotaryPairs.NEIGHBOURS,
                    out);
            for (int part = 0; part < 3; part++) {
                final float[] expected = expected(device, first, second, part);
                assertArrayEquals(expected, device.download(out.slice(0, part, part + 1)),
                        "part " + part + " of " + sequences + " sequences");
            }
        }
    }

    /** The second stream's projections lie in the result, as products leave them there. */
    @ParameterizedTest
    @CsvSource({"BF16,2,128,7,21", "BF16,1,12,4,5", "F32,5,32,5,9"})
    void testProjectionsInTheirPlacesStayThere(final ElementType type, final int heads, final int width,
            final int text, final int image, final KernelDevice device) {
        for (final int sequences : new int[] {1, 2}) {
            final Random random = new Random(width + sequences);
            final int[] textOffsets = offsets(sequences, text, 1);
            final int[] imageOffsets = offsets(sequences, image, 0);
            final JointHeadKernels.Stream first = stream(device, random, type, textOffsets, heads, width);
            final JointHeadKernels.Stream apart = stream(device, random, type, imageOffsets, heads, width);
            final int pictures = imageOffsets[sequences];
            final int tokens = textOffsets[sequences] + pictures;
            final TensorView out = device.empty(type, 3, tokens, heads, width);
            final TensorView[] places = new TensorView[3];
            final TensorView[] given = {apart.query(), apart.key(), apart.value()};
            for (int part = 0; part < 3; part++) {
                places[part] = out.slice(0, part, part + 1).reshape(tokens, heads, width)
                        .slice(0, textOffsets[1], textOffsets[1] + pictures);
                new RowKernels(device.cuda()).copy(device.stream(), given[part].reshape(pictures, heads * width),
                        places[part].reshape(pictures, heads * width));
            }
            new JointHeadKernels(device.cuda()).joint(device.stream(), first, new JointHeadKernels.Stream(places[0],
                    places[1], null, apart.queryWeight(), apart.keyWeight(), apart.cosine(), apart.sine(),
                    imageOffsets), EPS, RotaryPairs.NEIGHBOURS, out);
            for (int part = 0; part < 3; part++) {
                assertArrayEquals(expected(device, first, apart, part),
                        device.download(out.slice(0, part, part + 1)),
                        "part " + part + " of " + sequences + " sequences");
            }
        }
    }

    @Test
    void testOperandsThatDoNotFitAreRefused(final KernelDevice device) {
        final Random random = new Random(1);
        final JointHeadKernels kernels = new JointHeadKernels(device.cuda());
        final JointHeadKernels.Stream one = stream(device, random, ElementType.BF16, new int[] {0, 3}, 2, 16);
        final JointHeadKernels.Stream two = stream(device, random, ElementType.BF16, new int[] {0, 2, 3}, 2, 16);
        final JointHeadKernels.Stream wide = stream(device, random, ElementType.BF16, new int[] {0, 3}, 2, 32);
        final JointHeadKernels.Stream many = stream(device, random, ElementType.BF16, offsets(9, 1, 0), 2, 16);
        final TensorView out = device.zeros(ElementType.BF16, 3, 6, 2, 16);
        final TensorView large = device.zeros(ElementType.BF16, 3, 18, 2, 16);
        assertThrows(IllegalArgumentException.class, () -> joint(kernels, device, one, two, out));
        assertThrows(IllegalArgumentException.class, () -> joint(kernels, device, one, wide, out));
        assertThrows(IllegalArgumentException.class, () -> joint(kernels, device, one, one, large));
        assertThrows(IllegalArgumentException.class, () -> joint(kernels, device, many, many, large));
    }

    private static void joint(final JointHeadKernels kernels, final KernelDevice device,
            final JointHeadKernels.Stream first, final JointHeadKernels.Stream second, final TensorView out) {
        kernels.joint(device.stream(), first, second, EPS, RotaryPairs.NEIGHBOURS, out);
    }

    /** Each stream by itself, then its rows where they belong. */
    private static float[] expected(final KernelDevice device, final JointHeadKernels.Stream first,
            final JointHeadKernels.Stream second, final int part) {
        final float[][] rows = {alone(device, first, part), alone(device, second, part)};
        final JointHeadKernels.Stream[] streams = {first, second};
        final int rowSize = (int) (first.query().size(1) * first.query().size(2));
        final float[] joint = new float[rows[0].length + rows[1].length];
        int filled = 0;
        for (int s = 0; s + 1 < first.offsets().length; s++) {
            for (int turn = 0; turn < 2; turn++) {
                final int which = s % 2 == 0 ? turn : 1 - turn;
                final int start = streams[which].offsets()[s] * rowSize;
                final int count = streams[which].offsets()[s + 1] * rowSize - start;
                System.arraycopy(rows[which], start, joint, filled, count);
                filled += count;
            }
        }
        return joint;
    }

    private static float[] alone(final KernelDevice device, final JointHeadKernels.Stream stream, final int part) {
        if (part == 2) {
            return device.download(stream.value());
        }
        final TensorView x = part == 0 ? stream.query() : stream.key();
        final TensorView out = device.empty(x.type(), x.shape());
        new RopeKernels(device.cuda()).qkNormRope(device.stream(), x,
                part == 0 ? stream.queryWeight() : stream.keyWeight(), EPS, stream.cosine(), stream.sine(),
                RotaryPairs.NEIGHBOURS, out);
        return device.download(out);
    }

    private static JointHeadKernels.Stream stream(final KernelDevice device, final Random random,
            final ElementType type, final int[] offsets, final int heads, final int width) {
        final int tokens = offsets[offsets.length - 1];
        return new JointHeadKernels.Stream(device.random(random, 2, type, tokens, heads, width),
                device.random(random, 2, type, tokens, heads, width),
                device.random(random, 2, type, tokens, heads, width), device.random(random, 1, type, width),
                device.random(random, 1, type, width),
                device.random(random, 1, ElementType.F32, tokens, width / 2),
                device.random(random, 1, ElementType.F32, tokens, width / 2), offsets);
    }

    /** Lengths that differ: each sequence is longer than the one before. */
    private static int[] offsets(final int sequences, final int length, final int growth) {
        final int[] offsets = new int[sequences + 1];
        for (int s = 0; s < sequences; s++) {
            offsets[s + 1] = offsets[s] + length + s * growth;
        }
        return offsets;
    }
}
