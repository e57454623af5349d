package io.qwenimage.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.kernels.SamplingKernels.Settings;
import io.qwenimage.kernels.driver.ElementType;
import io.qwenimage.kernels.driver.TensorView;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@KernelTest
class SamplingKernelsTest {
    /** A draw so near to a boundary between tokens may fall on either side. */
    private static final double UNDECIDED = 4e-6;

    @ParameterizedTest
    @CsvSource({"BF16,1000,1.0", "F32,5003,1.3", "F16,31,1.1", "F32,1,1.0", "BF16,151936,1.05"})
    void testArgmax(final ElementType type, final int vocabulary, final float penalty, final KernelDevice device) {
        final Random random = new Random(vocabulary);
        final TensorView logits = device.random(random, 4, type, vocabulary);
        final BitSet seen = seen(random, vocabulary);
        final TensorView bits = device.upload(words(seen, vocabulary), Math.ceilDiv(vocabulary, 32));
        final TensorView token = device.empty(ElementType.I32, 1);
        new SamplingKernels(device.cuda()).argmax(device.stream(), logits, bits, penalty, token);
        final int expected = SamplingReference
                .argmax(SamplingReference.penalised(device.download(logits), seen, penalty));
        assertEquals(expected, device.downloadInts(token)[0]);
        seen.set(expected);
        assertEquals(seen, BitSet.valueOf(bytes(device.downloadInts(bits))));
    }

    @Test
    void testArgmaxTakesTheFirstOfEqualsAndSkipsWhatIsNoNumber(final KernelDevice device) {
        final float[] logits = new float[700];
        Arrays.fill(logits, -3);
        logits[0] = Float.NEGATIVE_INFINITY;
        logits[33] = Float.NaN;
        logits[400] = 7;
        logits[611] = 7;
        assertEquals(400, argmax(device, logits));
        logits[5] = -0f;
        logits[4] = 0f;
        logits[400] = 0f;
        logits[611] = 0f;
        assertEquals(4, argmax(device, logits));
    }

    @ParameterizedTest
    @CsvSource({"F32,2000,1.0,1.0,0,1.0", "F32,2000,1.2,0.7,20,0.8", "BF16,1000,1.05,1.0,50,1.0",
            "F32,513,1.0,0.6,0,0.5", "F16,3000,1.1,2.5,200,0.95", "F32,40,1.0,1.0,1,1.0", "BF16,64,1.0,0.1,5,0.001",
            "F32,1,1.0,1.0,0,1.0", "F32,33,1.0,1.0,100,0.9999"})
    void testDraws(final ElementType type, final int vocabulary, final float penalty, final double temperature,
            final int topK, final double topP, final KernelDevice device) {
        final Random random = new Random(vocabulary + topK);
        final Settings settings = new Settings(penalty, temperature, topK, topP);
        final TensorView logits = device.random(random, 3, type, vocabulary);
        final BitSet seen = seen(random, vocabulary);
        final double[] probabilities = SamplingReference.probabilities(
                SamplingReference.penalised(device.download(logits), seen, penalty), settings);
        final double[] draws = random.doubles(12).toArray();
        draws[0] = 0;
        draws[1] = Math.nextDown(1.0);
        for (final double draw : draws) {
            requireDrawn(probabilities, draw, sample(device, logits, seen, settings, draw));
        }
    }

    /** Many tokens with the very logit at which top-k and top-p end: the one keeps all, the other the first ones. */
    @Test
    void testEqualLogitsAtTheBoundary(final KernelDevice device) {
        final float[] values = new float[640];
        for (int i = 0; i < values.length; i++) {
            values[i] = i * 7 % 64 == 1 ? 2 : i % 3 == 0 ? 1 : -1;
        }
        final TensorView logits = device.upload(values, ElementType.BF16, values.length);
        for (final Settings settings : new Settings[] {new Settings(1, 1, 30, 1), new Settings(1, 1, 0, 0.5),
            new Settings(1, 1, 30, 0.3)}) {
            final double[] probabilities = SamplingReference.probabilities(values, settings);
            for (int i = 0; i < 12; i++) {
                final double draw = (i + 0.37) / 12;
                requireDrawn(probabilities, draw, sample(device, logits, new BitSet(), settings, draw));
            }
        }
    }

    @Test
    void testDrawFromTheVocabularyOfQwen(final KernelDevice device) {
        final int vocabulary = 151936;
        final Random random = new Random(4);
        final TensorView logits = device.random(random, 2, ElementType.BF16, vocabulary);
        final Settings settings = new Settings(1.05f, 0.7, 20, 0.8);
        final double[] probabilities = SamplingReference.probabilities(device.download(logits), settings);
        requireDrawn(probabilities, 0.61, sample(device, logits, new BitSet(), settings, 0.61));
    }

    @Test
    void testNothingToDrawFromIsSaid(final KernelDevice device) {
        final Settings settings = new Settings(1, 1, 10, 0.9);
        final float[] infinite = new float[100];
        infinite[3] = Float.POSITIVE_INFINITY;
        final TensorView logits = device.upload(infinite, ElementType.F32, 100);
        assertEquals(-1, sample(device, logits, new BitSet(), settings, 0.5));
        final float[] nothing = new float[100];
        Arrays.fill(nothing, Float.NaN);
        final TensorView numberless = device.upload(nothing, ElementType.F32, 100);
        assertEquals(-1, sample(device, numberless, new BitSet(), settings, 0.5));
    }

    @Test
    void testSettingsAndOperandsThatDoNotFitAreRefused(final KernelDevice device) {
        assertThrows(IllegalArgumentException.class, () -> new Settings(0, 1, 0, 1));
        assertThrows(IllegalArgumentException.class, () -> new Settings(1, 0, 0, 1));
        assertThrows(IllegalArgumentException.class, () -> new Settings(1, 1, -1, 1));
        assertThrows(IllegalArgumentException.class, () -> new Settings(1, 1, 0, 1.5));
        final SamplingKernels kernels = new SamplingKernels(device.cuda());
        final TensorView logits = device.zeros(ElementType.F32, 64);
        final TensorView token = device.zeros(ElementType.I32, 1);
        final TensorView workspace = device.zeros(ElementType.I32, 64);
        final Settings settings = new Settings(1, 1, 0, 1);
        assertThrows(IllegalArgumentException.class, () -> kernels.sample(device.stream(), logits, null, workspace,
                settings, 1, token));
        assertThrows(IllegalArgumentException.class, () -> kernels.argmax(device.stream(), logits, token, 1, token));
    }

    private static void requireDrawn(final double[] probabilities, final double draw, final int token) {
        assertTrue(token >= 0 && token < probabilities.length, "token " + token);
        double before = 0;
        for (int i = 0; i < token; i++) {
            before += probabilities[i];
        }
        assertTrue(probabilities[token] > 0, "token " + token + " was left out");
        assertTrue(draw > before - UNDECIDED && draw < before + probabilities[token] + UNDECIDED,
                () -> "token " + token + " for " + draw + ", which is outside of its part of the sum of probabilities");
    }

    private static int argmax(final KernelDevice device, final float[] logits) {
        final TensorView token = device.empty(ElementType.I32, 1);
        new SamplingKernels(device.cuda()).argmax(device.stream(),
                device.upload(logits, ElementType.F32, logits.length), null, 1, token);
        return device.downloadInts(token)[0];
    }

    private static int sample(final KernelDevice device, final TensorView logits, final BitSet seen,
            final Settings settings, final double draw) {
        final int vocabulary = (int) logits.size(0);
        final TensorView token = device.empty(ElementType.I32, 1);
        final TensorView bits = device.upload(words(seen, vocabulary), Math.ceilDiv(vocabulary, 32));
        new SamplingKernels(device.cuda()).sample(device.stream(), logits, bits,
                device.empty(ElementType.I32, vocabulary), settings, draw, token);
        final int chosen = device.downloadInts(token)[0];
        final BitSet after = (BitSet) seen.clone();
        if (chosen >= 0) {
            after.set(chosen);
        }
        assertEquals(after, BitSet.valueOf(bytes(device.downloadInts(bits))));
        return chosen;
    }

    private static BitSet seen(final Random random, final int vocabulary) {
        final BitSet seen = new BitSet();
        random.ints(vocabulary / 4, 0, vocabulary).forEach(seen::set);
        return seen;
    }

    private static int[] words(final BitSet bits, final int vocabulary) {
        final int[] result = new int[Math.ceilDiv(vocabulary, 32)];
        bits.stream().forEach(token -> result[token / 32] |= 1 << token % 32);
        return result;
    }

    private static byte[] bytes(final int[] words) {
        final ByteBuffer buffer = ByteBuffer.allocate(4 * words.length).order(ByteOrder.LITTLE_ENDIAN);
        buffer.asIntBuffer().put(words);
        return buffer.array();
    }
}
