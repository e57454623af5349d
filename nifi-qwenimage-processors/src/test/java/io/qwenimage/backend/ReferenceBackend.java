package io.qwenimage.backend;

import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.Arrays;

/** Every operation as its formula, in scalar Java with sums in double precision: what the fast backends are held to. */
public final class ReferenceBackend implements Backend {
    private static final double MINIMAL_NORM = 1e-12;

    /** A view of an array. */
    private record Values(float[] data, int start, Shape shape) implements Tensor {
        @Override
        public DType dtype() {
            return DType.F32;
        }

        float at(final long index) {
            return data[start + (int) index];
        }

        int rows() {
            return (int) shape.rows();
        }

        int width() {
            return shape.intExtent(-1);
        }
    }

    /** The garbage collector owns everything here. */
    private record CollectedArena(ReferenceBackend backend) implements Arena {
        @Override
        public Arena open(final String purpose) {
            return new CollectedArena(backend);
        }

        @Override
        public Tensor allocate(final DType dtype, final Shape shape) {
            return empty(shape);
        }

        @Override
        public <T extends Tensor> T keep(final T tensor) {
            return tensor;
        }

        @Override
        public void close() {
            // Nothing to give back.
        }
    }

    @FunctionalInterface
    private interface Element {
        double at(int row, int column);
    }

    @Override
    public String describe() {
        return "scalar Java";
    }

    @Override
    public DType activationType() {
        return DType.F32;
    }

    @Override
    public MemoryStatus memory() {
        return new MemoryStatus(Runtime.getRuntime().maxMemory(), 0, 0, 0);
    }

    @Override
    public Arena openArena(final String purpose) {
        return new CollectedArena(this);
    }

    @Override
    public Tensor weight(final Arena arena, final HostTensor weight, final WeightRole role) {
        final float[] values = new float[Math.toIntExact(weight.shape().elements())];
        int filled = 0;
        for (final HostTensor part : weight.parts()) {
            final float[] some = part.toFloats();
            System.arraycopy(some, 0, values, filled, some.length);
            filled += some.length;
        }
        return new Values(values, 0, weight.shape());
    }

    @Override
    public Tensor upload(final Arena arena, final HostTensor values) {
        return new Values(values.toFloats(), 0, values.shape());
    }

    @Override
    public Tensor uploadExact(final Arena arena, final HostTensor values) {
        return upload(arena, values);
    }

    @Override
    public HostTensor download(final Tensor tensor) {
        final Values x = (Values) tensor;
        return HostTensor.ofFloats(x.shape(), Arrays.copyOfRange(x.data(), x.start(),
                x.start() + (int) x.shape().elements()));
    }

    @Override
    public Tensor slice(final Tensor x, final long offset, final Shape shape) {
        final Values values = (Values) x;
        if (offset < 0 || offset + shape.elements() > values.shape().elements()) {
            throw new IllegalArgumentException("no slice " + shape + " at " + offset + " of " + values.shape());
        }
        return new Values(values.data(), values.start() + (int) offset, shape);
    }

    @Override
    public Tensor concat(final Arena arena, final Tensor... parts) {
        final long[] extents = parts[0].shape().toArray();
        extents[0] = Arrays.stream(parts).mapToLong(part -> part.shape().extent(0)).sum();
        final Values result = empty(Shape.of(extents));
        int filled = 0;
        for (final Tensor part : parts) {
            final Values values = (Values) part;
            final int count = (int) values.shape().elements();
            System.arraycopy(values.data(), values.start(), result.data(), filled, count);
            filled += count;
        }
        return result;
    }

    @Override
    public void store(final Tensor target, final long row, final Tensor rows) {
        final Values place = (Values) target;
        final Values source = (Values) rows;
        final int count = (int) source.shape().elements();
        final int inner = (int) (place.shape().elements() / place.shape().extent(0));
        System.arraycopy(source.data(), source.start(), place.data(), place.start() + (int) row * inner, count);
    }

    @Override
    public void storeColumns(final Tensor target, final long column, final Tensor columns) {
        final Values place = (Values) target;
        final Values source = (Values) columns;
        for (int row = 0; row < source.rows(); row++) {
            System.arraycopy(source.data(), source.start() + row * source.width(), place.data(),
                    place.start() + row * place.width() + (int) column, source.width());
        }
    }

    @Override
    public Tensor embedding(final Arena arena, final Tensor table, final int... ids) {
        final Values values = (Values) table;
        for (final int id : ids) {
            if (id < 0 || id >= values.rows()) {
                throw new IllegalArgumentException("id " + id + " is outside a table of " + values.rows());
            }
        }
        return filled(ids.length, values.width(), (row, column) -> values.at((long) ids[row] * values.width() + column));
    }

    @Override
    public Tensor linear(final Arena arena, final Tensor input, final Tensor weight, final Tensor bias,
            final Activation activation, final Tensor residual) {
        final Values x = (Values) input;
        final Values w = (Values) weight;
        final int in = x.width();
        return filled(x.rows(), w.shape().intExtent(0), (row, column) -> {
            double sum = bias == null ? 0 : ((Values) bias).at(column);
            for (int i = 0; i < in; i++) {
                sum += (double) x.at((long) row * in + i) * w.at((long) column * in + i);
            }
            final double activated = ActivationReference.apply(activation, sum);
            return residual == null ? activated
                    : activated + ((Values) residual).at((long) row * w.shape().intExtent(0) + column);
        });
    }

    @Override
    public Tensor activate(final Arena arena, final Tensor input, final Activation activation) {
        final Values x = (Values) input;
        return like(x, (row, column) -> ActivationReference.apply(activation, x.at((long) row * x.width() + column)));
    }

    @Override
    public Tensor add(final Arena arena, final Tensor first, final Tensor second) {
        final Values a = (Values) first;
        final Values b = (Values) second;
        return like(a, (row, column) -> (double) a.at((long) row * a.width() + column)
                + b.at((long) row * a.width() + column));
    }

    @Override
    public Tensor adaLayerNorm(final Arena arena, final Tensor input, final Tensor shift, final Tensor scale,
            final float eps) {
        final Values x = (Values) input;
        final int width = x.width();
        final double[] mean = new double[x.rows()];
        final double[] deviation = new double[x.rows()];
        for (int row = 0; row < x.rows(); row++) {
            for (int i = 0; i < width; i++) {
                mean[row] += x.at((long) row * width + i) / (double) width;
            }
            for (int i = 0; i < width; i++) {
                final double centred = x.at((long) row * width + i) - mean[row];
                deviation[row] += centred * centred / width;
            }
            deviation[row] = Math.sqrt(deviation[row] + eps);
        }
        return like(x, (row, column) -> (x.at((long) row * width + column) - mean[row]) / deviation[row]
                * (1.0 + ((Values) scale).at(column)) + ((Values) shift).at(column));
    }

    @Override
    public Tensor layerNorm(final Arena arena, final Tensor x, final Tensor weight, final Tensor bias,
            final float eps) {
        final Values scale = (Values) weight;
        return adaLayerNorm(arena, x, bias, like(scale, (row, column) -> scale.at(column) - 1.0), eps);
    }

    @Override
    public Tensor gatedAdd(final Arena arena, final Tensor residual, final Tensor input, final Tensor gate) {
        final Values x = (Values) input;
        return like(x, (row, column) -> ((Values) residual).at((long) row * x.width() + column)
                + (double) ((Values) gate).at(column) * x.at((long) row * x.width() + column));
    }

    @Override
    public Tensor rmsNorm(final Arena arena, final Tensor input, final Tensor weight, final float eps) {
        final Values x = (Values) input;
        final double[] norm = norms(x, x.width());
        return like(x, (row, column) -> x.at((long) row * x.width() + column)
                / Math.sqrt(norm[row] * norm[row] / x.width() + eps) * ((Values) weight).at(column));
    }

    @Override
    public Tensor channelNorm(final Arena arena, final Tensor input, final Tensor gamma,
            final Activation activation) {
        final Values x = (Values) input;
        final double[] norm = norms(x, x.width());
        return like(x, (row, column) -> ActivationReference.apply(activation, x.at((long) row * x.width() + column)
                / Math.max(norm[row], MINIMAL_NORM) * Math.sqrt(x.width()) * ((Values) gamma).at(column)));
    }

    @Override
    public Tensor qkNormRope(final Arena arena, final Tensor input, final int heads, final Tensor weight,
            final float eps, final RotaryTable rotary) {
        final Values x = (Values) input;
        final int length = x.rows();
        final int width = x.width() / heads;
        final Values split = new Values(x.data(), x.start(), Shape.of((long) length * heads, width));
        final Tensor normed = weight == null ? split : rmsNorm(arena, split, weight, eps);
        final Values result = rotary == null ? (Values) normed
                : (Values) rotated((Values) normed, heads, (Values) rotary.cosine(), (Values) rotary.sine(),
                        rotary.pairs() == RotaryTable.Pairs.NEIGHBOURS);
        return new Values(result.data(), result.start(), Shape.of(length, heads, width));
    }

    @Override
    public Tensor attention(final Arena arena, final Tensor query, final Tensor key, final Tensor value,
            final AttentionPattern pattern, final float scale) {
        final Values q = (Values) query;
        final int length = q.shape().intExtent(0);
        final int heads = q.shape().intExtent(1);
        final int width = q.shape().intExtent(2);
        final int keys = key.shape().intExtent(0);
        final int[] queryOffsets = pattern.queryOffsets() == null ? new int[] {0, length} : pattern.queryOffsets();
        final int[] keyOffsets = pattern.keyOffsets() == null ? new int[] {0, keys} : pattern.keyOffsets();
        final Values result = empty(Shape.of(length, (long) heads * width));
        for (int sequence = 0; sequence + 1 < queryOffsets.length; sequence++) {
            for (int row = queryOffsets[sequence]; row < queryOffsets[sequence + 1]; row++) {
                final int first = keyOffsets[sequence];
                final int last = pattern.causal()
                        ? keyOffsets[sequence + 1] - (queryOffsets[sequence + 1] - row) + 1 : keyOffsets[sequence + 1];
                for (int head = 0; head < heads; head++) {
                    attend(q, (Values) key, (Values) value, row, head, first, last, scale, result);
                }
            }
        }
        return result;
    }

    @Override
    public Tensor swiGlu(final Arena arena, final Tensor gate, final Tensor up) {
        final Values g = (Values) gate;
        return like(g, (row, column) -> ActivationReference.apply(Activation.SILU, g.at((long) row * g.width() + column))
                * ((Values) up).at((long) row * g.width() + column));
    }

    @Override
    public Tensor convolution(final Arena arena, final Tensor input, final Tensor weight, final Tensor bias,
            final int stride, final Padding padding, final Tensor residual) {
        final Values x = (Values) input;
        final Values w = (Values) weight;
        final int height = x.shape().intExtent(0);
        final int width = x.shape().intExtent(1);
        final int in = x.shape().intExtent(2);
        final int kernelHeight = w.shape().intExtent(2);
        final int kernelWidth = w.shape().intExtent(3);
        final int outHeight = (height + padding.top() + padding.bottom() - kernelHeight) / stride + 1;
        final int outWidth = (width + padding.left() + padding.right() - kernelWidth) / stride + 1;
        final int out = w.shape().intExtent(0);
        final Values result = empty(Shape.of(outHeight, outWidth, out));
        for (int index = 0; index < result.data().length; index++) {
            final int filter = index % out;
            final int top = index / out / outWidth * stride - padding.top();
            final int left = index / out % outWidth * stride - padding.left();
            double sum = bias == null ? 0 : ((Values) bias).at(filter);
            for (int i = Math.max(0, -top); i < kernelHeight && top + i < height; i++) {
                for (int j = Math.max(0, -left); j < kernelWidth && left + j < width; j++) {
                    for (int channel = 0; channel < in; channel++) {
                        sum += (double) x.at(((long) (top + i) * width + left + j) * in + channel)
                                * w.at((((long) filter * in + channel) * kernelHeight + i) * kernelWidth + j);
                    }
                }
            }
            result.data()[index] = (float) (residual == null ? sum : sum + ((Values) residual).at(index));
        }
        return result;
    }

    @Override
    public Tensor upsampleNearest(final Arena arena, final Tensor input) {
        final Values x = (Values) input;
        final int width = x.shape().intExtent(1);
        final int channels = x.shape().intExtent(2);
        final Values result = empty(Shape.of(2 * x.shape().extent(0), 2L * width, channels));
        for (int index = 0; index < result.data().length; index++) {
            final int channel = index % channels;
            final int column = index / channels % (2 * width) / 2;
            final int row = index / channels / (2 * width) / 2;
            result.data()[index] = x.at(((long) row * width + column) * channels + channel);
        }
        return result;
    }

    @Override
    public Tensor guidanceStep(final Arena arena, final Tensor latents, final Tensor conditional,
            final Tensor unconditional, final float trueCfgScale, final Tensor delta) {
        final double dt = ((Values) delta).at(0);
        final Values x = (Values) latents;
        final Values c = (Values) conditional;
        if (unconditional == null) {
            return like(x, (row, column) -> x.at((long) row * x.width() + column)
                    + dt * c.at((long) row * x.width() + column));
        }
        final Values u = (Values) unconditional;
        final Values combined = (Values) like(x, (row, column) -> {
            final long index = (long) row * x.width() + column;
            return u.at(index) + (double) trueCfgScale * (c.at(index) - u.at(index));
        });
        final double[] conditionalNorm = norms(c, c.width());
        final double[] combinedNorm = norms(combined, combined.width());
        return like(x, (row, column) -> {
            final long index = (long) row * x.width() + column;
            return x.at(index) + dt * (combined.at(index) * (conditionalNorm[row] / combinedNorm[row]));
        });
    }

    @Override
    public void close() {
        // Nothing is native here.
    }

    private static void attend(final Values q, final Values k, final Values v, final int row, final int head,
            final int first, final int last, final float scale, final Values result) {
        final int heads = q.shape().intExtent(1);
        final int width = q.shape().intExtent(2);
        final int keyHeads = k.shape().intExtent(1);
        final int keyHead = head / (heads / keyHeads);
        final double[] scores = new double[last - first];
        double maximum = Double.NEGATIVE_INFINITY;
        for (int key = first; key < last; key++) {
            double score = 0;
            for (int i = 0; i < width; i++) {
                score += (double) q.at(((long) row * heads + head) * width + i)
                        * k.at(((long) key * keyHeads + keyHead) * width + i);
            }
            scores[key - first] = score * scale;
            maximum = Math.max(maximum, scores[key - first]);
        }
        final double[] sum = new double[width];
        double total = 0;
        for (int key = first; key < last; key++) {
            final double weight = Math.exp(scores[key - first] - maximum);
            total += weight;
            for (int i = 0; i < width; i++) {
                sum[i] += weight * v.at(((long) key * keyHeads + keyHead) * width + i);
            }
        }
        for (int i = 0; i < width; i++) {
            result.data()[(row * heads + head) * width + i] = (float) (sum[i] / total);
        }
    }

    private static Tensor rotated(final Values x, final int heads, final Values cosine, final Values sine,
            final boolean neighbours) {
        final int width = x.width();
        return like(x, (row, column) -> {
            final int pair = neighbours ? column / 2 : column % (width / 2);
            final boolean real = neighbours ? column % 2 == 0 : column < width / 2;
            final long base = (long) row * width;
            final double a = x.at(base + (neighbours ? 2 * pair : pair));
            final double b = x.at(base + (neighbours ? 2 * pair + 1 : pair + width / 2));
            final long angle = (long) (row / heads) * (width / 2) + pair;
            return real ? a * cosine.at(angle) - b * sine.at(angle) : a * sine.at(angle) + b * cosine.at(angle);
        });
    }

    private static double[] norms(final Values x, final int width) {
        final double[] norms = new double[x.rows()];
        for (int row = 0; row < norms.length; row++) {
            for (int i = 0; i < width; i++) {
                final double value = x.at((long) row * width + i);
                norms[row] += value * value;
            }
            norms[row] = Math.sqrt(norms[row]);
        }
        return norms;
    }

    private static Values empty(final Shape shape) {
        return new Values(new float[Math.toIntExact(shape.elements())], 0, shape);
    }

    private static Tensor filled(final int rows, final int width, final Element element) {
        return filled(empty(Shape.of(rows, width)), element);
    }

    private static Tensor like(final Values x, final Element element) {
        return filled(empty(x.shape()), element);
    }

    private static Values filled(final Values result, final Element element) {
        final int width = result.width();
        for (int row = 0; row < result.rows(); row++) {
            for (int column = 0; column < width; column++) {
                result.data()[row * width + column] = (float) element.at(row, column);
            }
        }
        return result;
    }
}
