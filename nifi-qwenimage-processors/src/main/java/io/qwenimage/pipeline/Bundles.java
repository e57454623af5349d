package io.qwenimage.pipeline;

import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.weights.Safetensors;
import io.qwenimage.weights.SafetensorsFormatException;
import io.qwenimage.weights.SafetensorsWriter;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.LinkedHashMap;
import java.util.Map;

/** Reads and writes bundles as plain safetensors. */
public final class Bundles {
    /** A bound that serves: the embeddings of two prompts and the latents of the largest picture take less than half. */
    public static final int MAXIMUM_BYTES = 256 << 20;

    private static final String REMEDY = "; send what EncodeText or Denoise made";
    private static final int QUOTED_CHARACTERS = 80;

    private Bundles() {
    }

    /**
     * Reads a bundle from bytes.
     *
     * @throws DataException as {@link #read(InputStream, int)}
     */
    public static Bundle read(final byte[] bytes) {
        try {
            return read(new ByteArrayInputStream(bytes), Math.max(bytes.length, MAXIMUM_BYTES));
        } catch (IOException e) {
            throw new IllegalStateException("reading from memory failed", e);
        }
    }

    /**
     * Reads a stream to its end as a bundle; the stream is not closed. No more memory is taken than the stream has
     * bytes, whatever it claims.
     *
     * @param maximumBytes refuse what is longer, {@link #MAXIMUM_BYTES} for instance
     * @throws DataException if the bytes are no safetensors or too many, the metadata does not name the format, or a
     *                       tensor is neither F32 nor I64 or holds what is not finite
     * @throws IOException   if the stream itself fails
     */
    public static Bundle read(final InputStream in, final int maximumBytes) throws IOException {
        final Safetensors content;
        try {
            content = Safetensors.read(in, maximumBytes);
        } catch (SafetensorsFormatException e) {
            throw new DataException("the content is no safetensors bundle: " + e.getMessage() + REMEDY, e);
        }
        final String format = content.metadata().get(Bundle.FORMAT_KEY);
        if (!Bundle.FORMAT.equals(format)) {
            throw new DataException("the content is safetensors but no bundle: its metadata says " + Bundle.FORMAT_KEY
                    + " = " + quoted(format) + " instead of " + Bundle.FORMAT + REMEDY);
        }
        content.tensors().forEach(Bundles::requireNumbers);
        return new Bundle(content.tensors(), content.metadata());
    }

    /** Writes a bundle; the stream is neither flushed nor closed. */
    public static void write(final OutputStream out, final Bundle bundle) throws IOException {
        final Map<String, String> metadata = new LinkedHashMap<>(bundle.metadata());
        metadata.put(Bundle.FORMAT_KEY, Bundle.FORMAT);
        SafetensorsWriter.write(out, bundle.tensors(), metadata);
    }

    private static void requireNumbers(final String name, final HostTensor tensor) {
        if (tensor.dtype() == DType.I64) {
            return;
        }
        if (tensor.dtype() != DType.F32) {
            throw new DataException("tensor " + quoted(name) + " of the bundle has the type " + tensor.dtype()
                    + "; a bundle holds F32 and I64 only" + REMEDY);
        }
        final float[] values = tensor.toFloats();
        for (int i = 0; i < values.length; i++) {
            if (!Float.isFinite(values[i])) {
                throw new DataException("tensor " + quoted(name) + " of the bundle holds " + values[i] + " at index "
                        + i + "; only finite numbers are accepted. Run the stage that made it again");
            }
        }
    }

    private static String quoted(final String text) {
        return text == null || text.length() <= QUOTED_CHARACTERS ? text : text.substring(0, QUOTED_CHARACTERS) + "...";
    }
}
