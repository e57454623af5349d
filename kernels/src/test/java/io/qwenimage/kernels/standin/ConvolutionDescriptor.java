package io.qwenimage.kernels.standin;

/** What cuDNN's descriptors hold; each is made empty and set before it is used. */
sealed interface ConvolutionDescriptor {
    /** Of cudnnDataType_t. */
    int F32 = 0;
    /** Of cudnnDataType_t. */
    int BF16 = 9;
    /** Of cudnnTensorFormat_t: pixels, and the channels of each side by side. */
    int NHWC = 1;
    /** Of cudnnMathType_t: products in full single precision, for which there are no tensor cores. */
    int FMA_MATH = 3;

    /** A cudnnTensorDescriptor_t. */
    final class Tensor implements ConvolutionDescriptor {
        private static final long MOST_ELEMENTS = Integer.MAX_VALUE;

        private Extents extents;

        /**
         * Sizes and type of a tensor of four axes.
         *
         * @param format of cudnnTensorFormat_t
         * @param type   of cudnnDataType_t
         */
        record Extents(int format, int type, int n, int c, int h, int w) {
            /** Elements of all axes. */
            long elements() {
                return (long) n * c * h * w;
            }

            /** Bytes of all elements. */
            long bytes() {
                return elements() * bytesOf(type);
            }
        }

        void set(final Extents wanted) {
            requireType(wanted.type);
            ConvolutionCalls.require(wanted.format == NHWC, ConvolutionCalls.NOT_SUPPORTED,
                    "format " + wanted.format + " is unknown to the stand-in");
            ConvolutionCalls.require(wanted.n > 0 && wanted.c > 0 && wanted.h > 0 && wanted.w > 0,
                    ConvolutionCalls.BAD_PARAM, "a tensor " + wanted);
            if ((double) wanted.n * wanted.c * wanted.h * wanted.w > MOST_ELEMENTS) {
                throw ConvolutionCalls.notOffered("the tensor exceeds 2 Giga-elements");
            }
            extents = wanted;
        }

        Extents extents() {
            ConvolutionCalls.require(extents != null, ConvolutionCalls.BAD_PARAM, "a tensor descriptor never set");
            return extents;
        }
    }

    /** A cudnnFilterDescriptor_t. */
    final class Filter implements ConvolutionDescriptor {
        private Extents extents;

        /** Sizes and type of a filter: out, in, height and width, laid out as [k, r, s, c] for NHWC. */
        record Extents(int format, int type, int k, int c, int r, int s) {
            /** Bytes of all elements. */
            long bytes() {
                return (long) k * c * r * s * bytesOf(type);
            }
        }

        void set(final Extents wanted) {
            requireType(wanted.type);
            ConvolutionCalls.require(wanted.k > 0 && wanted.c > 0 && wanted.r > 0 && wanted.s > 0,
                    ConvolutionCalls.BAD_PARAM, "a filter " + wanted);
            extents = wanted;
        }

        Extents extents() {
            ConvolutionCalls.require(extents != null, ConvolutionCalls.BAD_PARAM, "a filter descriptor never set");
            return extents;
        }
    }

    /** A cudnnConvolutionDescriptor_t. */
    final class Convolution implements ConvolutionDescriptor {
        private static final int CROSS_CORRELATION = 1;

        private Movement movement;
        private int mathType;

        /** How the window moves over the picture. */
        record Movement(int padHeight, int padWidth, int strideHeight, int strideWidth) {
        }

        void set(final Movement wanted, final int dilationHeight, final int dilationWidth, final int mode,
                 final int computeType) {
            ConvolutionCalls.require(wanted.padHeight >= 0 && wanted.padWidth >= 0 && wanted.strideHeight > 0
                    && wanted.strideWidth > 0, ConvolutionCalls.BAD_PARAM, "a window that moves by " + wanted);
            ConvolutionCalls.require(dilationHeight == 1 && dilationWidth == 1, ConvolutionCalls.NOT_SUPPORTED,
                    "dilation is unknown to the stand-in");
            ConvolutionCalls.require(mode == CROSS_CORRELATION, ConvolutionCalls.NOT_SUPPORTED,
                    "mode " + mode + " would turn the filter round");
            ConvolutionCalls.require(computeType == F32, ConvolutionCalls.NOT_SUPPORTED,
                    "sums of type " + computeType);
            movement = wanted;
        }

        void setMathType(final int type) {
            ConvolutionCalls.require(type >= 0 && type <= FMA_MATH, ConvolutionCalls.BAD_PARAM, "math type " + type);
            mathType = type;
        }

        Movement movement() {
            ConvolutionCalls.require(movement != null, ConvolutionCalls.BAD_PARAM,
                    "a convolution descriptor never set");
            return movement;
        }

        int mathType() {
            return mathType;
        }
    }

    /** A cudnnActivationDescriptor_t. */
    final class Activation implements ConvolutionDescriptor {
        private static final int IDENTITY = 5;
        private static final int NOT_PROPAGATE_NAN = 0;

        private boolean identity;

        void set(final int mode, final int nan) {
            ConvolutionCalls.require(mode == IDENTITY, ConvolutionCalls.NOT_SUPPORTED,
                    "activation " + mode + " is unknown to the stand-in");
            ConvolutionCalls.require(nan == NOT_PROPAGATE_NAN, ConvolutionCalls.NOT_SUPPORTED,
                    "an activation after a convolution does not propagate NaN, but " + nan + " was asked for");
            identity = true;
        }

        void requireSet() {
            ConvolutionCalls.require(identity, ConvolutionCalls.BAD_PARAM, "an activation descriptor never set");
        }
    }

    /** Size of an element. */
    static int bytesOf(final int type) {
        return type == F32 ? Float.BYTES : Short.BYTES;
    }

    private static void requireType(final int type) {
        ConvolutionCalls.require(type == F32 || type == BF16, ConvolutionCalls.NOT_SUPPORTED,
                "type " + type + " is unknown to the stand-in");
    }
}
