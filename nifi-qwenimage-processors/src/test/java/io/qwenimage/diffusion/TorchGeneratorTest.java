package io.qwenimage.diffusion;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.qwenimage.weights.Safetensors;
import io.qwenimage.weights.SafetensorsFormatException;
import java.io.IOException;
import java.io.InputStream;
import java.math.BigInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Expected numbers are those of {@code torch.randn} (torch 2.15, x86 with AVX2), compared bit by bit. */
class TorchGeneratorTest {
    @Test
    void drawsOfEveryLengthContinueOneStream() {
        final TorchGenerator generator = new TorchGenerator(42);

        assertArrayEquals(new float[] {0.33669037f, 0.1288094f, 0.23446237f, 0.23033303f, -1.1228564f},
                generator.normal(5));
        assertArrayEquals(new float[] {-0.2482575f, 0.09154566f, -2.3169227f, -0.21680473f, -1.3846737f, -0.87123615f,
            -0.22336592f, 1.7173615f, 0.31888032f, -0.06307438f, -0.8285543f, 0.33089843f, -1.5575725f, 0.9956361f,
            -0.87978584f, -0.60114205f, -1.2741512f}, generator.normal(17), "one block and a ragged end");
        assertArrayEquals(new float[] {-0.18632829f, -0.013054873f}, generator.normal(2),
                "the first is the second half of the pair begun before the blocks");
    }

    @Test
    void negativeSeedsStandForTheirLower32Bits() {
        final float[] expected = {-0.17925161f, 0.9027327f, -0.57761246f, -1.3243614f, 0.918484f, 2.5227482f,
            -0.62028843f, -1.3173845f, 0.74307007f, 1.2031261f, -0.5009373f, 0.33316296f, -0.44731563f, -0.011822141f,
            -0.1389299f, -0.50350225f};

        assertArrayEquals(expected, new TorchGenerator(-7).normal(16));
        assertArrayEquals(expected, new TorchGenerator(0xfffffff9L).normal(16));
    }

    @TestFactory
    Stream<DynamicTest> everyGoldenSequenceIsDrawn() throws IOException, SafetensorsFormatException {
        final JsonNode sequences;
        final Safetensors draws;
        try (InputStream json = getClass().getResourceAsStream("/goldens/noise.json");
                InputStream values = getClass().getResourceAsStream("/goldens/noise.safetensors")) {
            sequences = JsonMapper.builder().build().readTree(json).get("sequences");
            draws = Safetensors.read(values, 1 << 24);
        }
        return IntStream.range(0, sequences.size()).mapToObj(index -> DynamicTest.dynamicTest("sequence " + index
                + ", seed " + sequences.get(index).get("seed").textValue(),
                () -> compare(index, sequences.get(index), draws)));
    }

    @Test
    void aWholePictureOfNoiseIsNormal() {
        final float[] noise = new TorchGenerator(3).normal(16 * 166 * 166);
        double sum = 0;
        double squares = 0;
        for (final float value : noise) {
            sum += value;
            squares += value * value;
        }
        assertEquals(0, sum / noise.length, 0.01);
        assertEquals(1, squares / noise.length, 0.01);
    }

    @Test
    void nothingIsDrawnForNothing() {
        final TorchGenerator generator = new TorchGenerator(42);

        assertEquals(0, generator.normal(0).length);
        assertArrayEquals(new TorchGenerator(42).normal(20), generator.normal(20));
        assertThrows(IllegalArgumentException.class, () -> generator.normal(-1));
    }

    private static void compare(final int index, final JsonNode sequence, final Safetensors draws) {
        final TorchGenerator generator = new TorchGenerator(new BigInteger(sequence.get("seed").textValue())
                .longValue());
        for (int draw = 0; draw < sequence.get("sizes").size(); draw++) {
            final int size = sequence.get("sizes").get(draw).intValue();
            final float[] expected = draws.tensors().get("sequence." + index + ".draw." + draw).toFloats();
            assertEquals(size, expected.length);
            // Single draws pass through the platform's double-precision logarithm, sine and cosine.
            assertArrayEquals(expected, generator.normal(size), size < 16 ? 2e-7f : 0, "draw " + draw);
        }
    }
}
