package io.qwenimage.pipeline;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.weights.SafetensorsWriter;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

class BundlesTest {
    private static final Map<String, HostTensor> TENSORS = Map.of(
            "latents", HostTensor.ofFloats(Shape.of(1, 2), 0.25f, -3f), "grid", HostTensor.ofLongs(Shape.of(1), 7));
    private static final Map<String, String> FORMAT = Map.of(Bundle.FORMAT_KEY, Bundle.FORMAT);

    @Test
    void readsBackWhatItWrote() throws IOException {
        final ByteArrayOutputStream out = new ByteArrayOutputStream();
        Bundles.write(out, new Bundle(TENSORS, Map.of("prompt", "风筝 \"x\"", Bundle.MODEL_KEY, "m")));
        final Bundle bundle = Bundles.read(out.toByteArray());
        assertEquals(Map.of("prompt", "风筝 \"x\"", Bundle.MODEL_KEY, "m", Bundle.FORMAT_KEY, Bundle.FORMAT),
                bundle.metadata());
        assertArrayEquals(new float[] {0.25f, -3f}, bundle.tensor("latents").toFloats());
        assertEquals(Shape.of(1, 2), bundle.tensor("latents").shape());
        assertArrayEquals(new long[] {7}, bundle.tensor("grid").toLongs());
    }

    @Test
    void refusesWhatIsNoSafetensors() {
        refused(() -> Bundles.read("a red kite over Lisbon".getBytes(StandardCharsets.UTF_8)),
                "no safetensors bundle", "send what EncodeText or Denoise made");
        refused(() -> Bundles.read(new byte[0]), "no safetensors bundle");
    }

    @Test
    void refusesSafetensorsOfAnotherFormat() throws IOException {
        final byte[] without = safetensors(TENSORS, Map.of());
        final byte[] other = safetensors(TENSORS, Map.of(Bundle.FORMAT_KEY, "pt"));
        refused(() -> Bundles.read(without), "format = null instead of " + Bundle.FORMAT);
        refused(() -> Bundles.read(other), "format = pt instead of " + Bundle.FORMAT);
    }

    @Test
    void refusesTypesThatNoStageWrites() throws IOException {
        final byte[] bytes = safetensors(Map.of("latents",
                new HostTensor(Shape.of(1), DType.BF16, ByteBuffer.wrap(new byte[2]))), FORMAT);
        refused(() -> Bundles.read(bytes), "tensor latents", "type BF16", "F32 and I64");
    }

    @Test
    void refusesNumbersThatAreNotFinite() throws IOException {
        for (final float value : new float[] {Float.NaN, Float.NEGATIVE_INFINITY}) {
            final byte[] bytes = safetensors(Map.of("latents", HostTensor.ofFloats(Shape.of(2), 0, value)), FORMAT);
            refused(() -> Bundles.read(bytes), "tensor latents", "holds " + value + " at index 1");
        }
    }

    @Test
    void refusesStreamsBeyondTheBound() throws IOException {
        final byte[] bytes = safetensors(TENSORS, FORMAT);
        final InputStream in = new ByteArrayInputStream(bytes);
        refused(() -> Bundles.read(in, 64), "at most 64 are accepted");
        assertEquals(TENSORS.keySet(), Bundles.read(new ByteArrayInputStream(bytes), bytes.length).tensors().keySet());
    }

    private static byte[] safetensors(final Map<String, HostTensor> tensors, final Map<String, String> metadata)
            throws IOException {
        final ByteArrayOutputStream out = new ByteArrayOutputStream();
        SafetensorsWriter.write(out, tensors, metadata);
        return out.toByteArray();
    }

    private static void refused(final Executable action, final String... parts) {
        final DataException e = assertThrows(DataException.class, action);
        for (final String part : parts) {
            assertTrue(e.getMessage().contains(part), () -> "'" + part + "' in: " + e.getMessage());
        }
    }
}
