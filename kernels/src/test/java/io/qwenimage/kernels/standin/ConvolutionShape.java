package io.qwenimage.kernels.standin;

/**
 * A convolution's descriptors, which must fit one another: y = x * w, window by window.
 *
 * @param mathType of cudnnMathType_t
 */
record ConvolutionShape(ConvolutionDescriptor.Tensor.Extents x, ConvolutionDescriptor.Filter.Extents w,
                        ConvolutionDescriptor.Convolution.Movement movement, int mathType,
                        ConvolutionDescriptor.Tensor.Extents y) {
    private static final int IMPLICIT_PRECOMP_GEMM = 1;
    /** Tensor cores take channels by eights of half precision; others are padded in the workspace. */
    private static final int CHANNELS_OF_TENSOR_CORES = 8;

    ConvolutionShape {
        ConvolutionCalls.require(x.type() == w.type() && x.type() == y.type(), ConvolutionCalls.NOT_SUPPORTED,
                "types " + x.type() + ", " + w.type() + ", " + y.type());
        ConvolutionCalls.require(w.format() == x.format() && y.format() == x.format(), ConvolutionCalls.NOT_SUPPORTED,
                "formats " + x.format() + ", " + w.format() + ", " + y.format());
        ConvolutionCalls.require(x.c() == w.c() && y.c() == w.k() && y.n() == x.n()
                && y.h() == extent(x.h(), movement.padHeight(), w.r(), movement.strideHeight())
                && y.w() == extent(x.w(), movement.padWidth(), w.s(), movement.strideWidth()),
                ConvolutionCalls.BAD_PARAM, w + " moved over " + x + " by " + movement + " makes no " + y);
        ConvolutionCalls.require(x.type() == ConvolutionDescriptor.F32
                || mathType != ConvolutionDescriptor.FMA_MATH, ConvolutionCalls.NOT_SUPPORTED,
                "half precision without tensor cores");
    }

    private static int extent(final int picture, final int padding, final int window, final int stride) {
        return Math.floorDiv(picture + 2 * padding - window, stride) + 1;
    }

    /** Bytes that the algorithm writes: an offset for each pixel of the result, and what it pads with channels. */
    long workspaceBytes() {
        final long offsets = (long) Integer.BYTES * y.h() * y.w();
        final int in = padded(x.c());
        final int out = padded(y.c());
        if (x.type() == ConvolutionDescriptor.F32 || in == x.c() && out == y.c()) {
            return offsets;
        }
        return offsets + (long) ConvolutionDescriptor.bytesOf(x.type())
                * ((long) in * x.h() * x.w() + (long) out * in * w.r() * w.s() + (long) out * y.h() * y.w());
    }

    private static int padded(final int channels) {
        return Math.ceilDiv(channels, CHANNELS_OF_TENSOR_CORES) * CHANNELS_OF_TENSOR_CORES;
    }

    /** Whether the library has an algorithm for this: for channels last there is one. */
    boolean offers(final int algorithm) {
        return algorithm == IMPLICIT_PRECOMP_GEMM;
    }

    void requireOffered(final int algorithm) {
        if (!offers(algorithm)) {
            throw ConvolutionCalls.notOffered("algorithm " + algorithm + " does not serve " + this);
        }
    }

    /** Whether operands are rounded to the ten digits of TF32 before they are multiplied. */
    boolean roundsToTensorFloat() {
        return x.type() == ConvolutionDescriptor.F32 && mathType != ConvolutionDescriptor.FMA_MATH;
    }
}
