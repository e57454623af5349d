package io.qwenimage.kernels;

import io.qwenimage.kernels.driver.ElementType;
import org.junit.jupiter.api.Assertions;

/** Norms in double precision, and by operations that are each rounded to the type. */
final class NormReference {
    private final ElementType type;
    private final int rows;
    private final int width;
    private final double[] exact;
    private final double[] composed;

    NormReference(final ElementType type, final int rows, final int width) {
        this.type = type;
        this.rows = rows;
        this.width = width;
        this.exact = new double[rows * width];
        this.composed = new double[rows * width];
    }

    void require(final String name, final float[] actual) {
        Conformance.require(name + " of " + type + "[" + rows + ", " + width + "]", type, width, actual, exact,
                composed);
    }

    void requireWithin(final double bound, final float[] actual) {
        for (int i = 0; i < exact.length; i++) {
            Assertions.assertEquals(exact[i], actual[i], bound, "element " + i);
        }
    }

    NormReference rmsNorm(final float[] x, final float[] weight, final float eps) {
        for (int row = 0; row < rows; row++) {
            double sum = 0;
            for (int i = 0; i < width; i++) {
                sum += (double) x[row * width + i] * x[row * width + i];
            }
            final double scale = 1 / Math.sqrt(sum / width + eps);
            for (int i = 0; i < width; i++) {
                final int at = row * width + i;
                exact[at] = x[at] * scale * weight[i];
                // transformers rounds the normalised numbers before it multiplies them.
                composed[at] = round(round(x[at] * scale) * weight[i]);
            }
        }
        return this;
    }

    /** (x - mean) / deviation * (one + multiplier) + addend. */
    NormReference layerNorm(final float[] x, final float[] multiplier, final float[] addend, final double one,
            final float eps) {
        for (int row = 0; row < rows; row++) {
            double mean = 0;
            for (int i = 0; i < width; i++) {
                mean += x[row * width + i];
            }
            mean /= width;
            double variance = 0;
            for (int i = 0; i < width; i++) {
                variance += (x[row * width + i] - mean) * (x[row * width + i] - mean);
            }
            final double scale = 1 / Math.sqrt(variance / width + eps);
            for (int i = 0; i < width; i++) {
                final int at = row * width + i;
                final double normal = (x[at] - mean) * scale;
                exact[at] = normal * (one + multiplier[i]) + addend[i];
                composed[at] = round(round(round(normal) * round(one + multiplier[i])) + addend[i]);
            }
        }
        return this;
    }

    NormReference gatedAdd(final float[] residual, final float[] x, final float[] gate) {
        for (int at = 0; at < exact.length; at++) {
            final double product = (double) gate[at % width] * x[at];
            exact[at] = residual[at] + product;
            composed[at] = round(residual[at] + round(product));
        }
        return this;
    }

    private double round(final double value) {
        return Conformance.round(value, type);
    }
}
