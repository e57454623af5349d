package io.qwenimage.pipeline;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.qwenimage.model.ConfigFile;
import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.weights.WeightException;
import io.qwenimage.weights.WeightSource;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * A published model's tensors, by name and shape, full of noise in BF16: what a model makes of them means nothing, but
 * it costs what the published ones cost. {@code make_published_shapes.py} writes the shapes.
 */
final class NoiseWeights implements WeightSource {
    private static final int NOISE_BYTES = 64 << 20;
    /** About 1 / sqrt(inputs) of the large products, so that no activation leaves the range. */
    private static final double DEVIATION = 0.02;
    private static final short ONE = 0x3F80;
    private static final int BITS_OF_BRAIN_FLOAT = 16;

    private final String component;
    private final JsonNode config;
    private final Map<String, Shape> shapes = new LinkedHashMap<>();
    private ByteBuffer noise;
    private ByteBuffer ones;

    /**
     * All of a published component.
     *
     * @param component {@code transformer}, {@code vae} or {@code vision_language}
     */
    NoiseWeights(final String component) {
        this(component, Integer.MAX_VALUE, Integer.MAX_VALUE);
    }

    /** The same with fewer layers, or blocks, and fewer tokens of a vocabulary, where it has more. */
    NoiseWeights(final String component, final int layersAtMost, final int vocabularyAtMost) {
        this.component = component;
        final JsonNode description = read(component);
        config = description.required("config");
        final JsonNode layers = description.required("layers");
        description.required("tensors").properties().forEach(tensor -> {
            final Shape shape = shape(tensor.getValue());
            final String list = listOf(layers, tensor.getKey());
            final int count = list == null ? 1 : Math.min(layersAtMost, layers.required(list).asInt());
            for (int i = 0; i < count; i++) {
                shapes.put(list == null ? tensor.getKey() : tensor.getKey().replaceFirst("\\.0\\.", "." + i + "."),
                        shape);
            }
        });
        for (final String key : List.of("num_layers", "num_hidden_layers", "vision_config.depth")) {
            limit((ObjectNode) config, key, layersAtMost);
        }
        final int vocabulary = config.path("vocab_size").asInt();
        limit((ObjectNode) config, "vocab_size", vocabularyAtMost);
        shapes.replaceAll((name, shape) -> vocabulary > vocabularyAtMost && shape.extent(0) == vocabulary
                ? Shape.of(vocabularyAtMost, shape.extent(1)) : shape);
    }

    private static JsonNode read(final String component) {
        try (InputStream in = NoiseWeights.class.getResourceAsStream("/published/" + component + ".json")) {
            return new ObjectMapper().readTree(in);
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Shape shape(final JsonNode extents) {
        final long[] values = new long[extents.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = extents.get(i).asLong();
        }
        return Shape.of(values);
    }

    private static String listOf(final JsonNode layers, final String name) {
        return layers.propertyStream().map(Map.Entry::getKey).filter(list -> name.startsWith(list + ".0."))
                .findFirst().orElse(null);
    }

    private static void limit(final ObjectNode config, final String path, final int most) {
        final int dot = path.indexOf('.');
        if (dot >= 0) {
            if (config.get(path.substring(0, dot)) instanceof final ObjectNode inner) {
                limit(inner, path.substring(dot + 1), most);
            }
        } else if (config.path(path).asInt() > most) {
            config.put(path, most);
        }
    }

    /** Made when they are first wanted: names and shapes need none. */
    private void fill() {
        if (noise == null) {
            noise = noise();
            ones = ByteBuffer.allocateDirect(NOISE_BYTES / Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
            while (ones.hasRemaining()) {
                ones.putShort(ONE);
            }
        }
    }

    private static ByteBuffer noise() {
        final ByteBuffer values = ByteBuffer.allocateDirect(NOISE_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        final SplittableRandom random = new SplittableRandom(11);
        final double range = DEVIATION * Math.sqrt(12); // of a uniform distribution
        while (values.hasRemaining()) {
            values.putShort((short) (Float.floatToRawIntBits((float) (range * (random.nextDouble() - 0.5)))
                    >>> BITS_OF_BRAIN_FLOAT));
        }
        return values;
    }

    /** The component's configuration. */
    ConfigFile config() {
        return ConfigFile.parse("the published configuration of " + component, config.toString()
                .getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public Set<String> names() {
        return shapes.keySet();
    }

    @Override
    public Info info(final String name) {
        final Shape shape = shapes.get(name);
        if (shape == null) {
            throw new WeightException("there is no tensor " + name + " in " + origin());
        }
        return new Info(DType.BF16, shape);
    }

    /** Rows of one stretch of noise again and again; norms scale by one. */
    @Override
    public HostTensor tensor(final String name) {
        fill();
        final Shape shape = info(name).shape();
        final ByteBuffer values = name.endsWith("gamma") || shape.rank() == 1 && name.endsWith("weight") ? ones : noise;
        final long[] extents = shape.toArray();
        final long rowBytes = shape.elements() / shape.extent(0) * DType.BF16.bytes();
        final List<HostTensor> parts = new ArrayList<>();
        for (long row = 0; row < shape.extent(0); row += extents[0]) {
            extents[0] = Math.min(shape.extent(0) - row, values.capacity() / rowBytes);
            parts.add(new HostTensor(Shape.of(extents), DType.BF16, values.slice(0, (int) (extents[0] * rowBytes))));
        }
        return HostTensor.ofParts(parts);
    }

    @Override
    public String origin() {
        return "noise in the shapes of the published " + component;
    }

    @Override
    public void close() {
        // Nothing but the host's memory is held.
    }
}
