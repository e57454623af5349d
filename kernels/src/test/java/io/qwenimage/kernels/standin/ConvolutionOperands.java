package io.qwenimage.kernels.standin;

/**
 * Where a convolution finds its operands: y = x * w + bias + sum.
 *
 * @param bias 0 for none
 * @param sum  0 for none
 */
record ConvolutionOperands(long x, long w, long bias, long sum, long y) {
}
