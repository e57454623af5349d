"""Triton kernels of norms, counting, noise, functions, scans and conversions, each indifferent to ragged sizes."""

import triton
import triton.language as tl
from triton.language.extra.cuda import libdevice


@triton.jit
def layer_norm(x, weight, bias, out, mean_out, rstd_out, width, stride, epsilon, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    total = tl.zeros((BLOCK,), tl.float32)
    for start in range(0, width, BLOCK):
        columns = start + tl.arange(0, BLOCK)
        total += tl.load(x + row * stride + columns, mask=columns < width, other=0.0).to(tl.float32)
    mean = tl.sum(total, 0) / width
    squares = tl.zeros((BLOCK,), tl.float32)
    for start in range(0, width, BLOCK):
        columns = start + tl.arange(0, BLOCK)
        value = tl.load(x + row * stride + columns, mask=columns < width, other=0.0).to(tl.float32)
        centred = tl.where(columns < width, value - mean, 0.0)
        squares += centred * centred
    rstd = 1 / tl.sqrt(tl.sum(squares, 0) / width + epsilon)
    tl.store(mean_out + row, mean)
    tl.store(rstd_out + row, rstd)
    for start in range(0, width, BLOCK):
        columns = start + tl.arange(0, BLOCK)
        inside = columns < width
        value = tl.load(x + row * stride + columns, mask=inside, other=0.0).to(tl.float32)
        w = tl.load(weight + columns, mask=inside)
        b = tl.load(bias + columns, mask=inside)
        tl.store(out + row * stride + columns, ((value - mean) * rstd * w + b).to(out.dtype.element_ty), mask=inside)


@triton.jit
def softmax(x, out, rows, width, stride, BLOCK: tl.constexpr):
    for row in tl.range(tl.program_id(0), rows, tl.num_programs(0), num_stages=2):
        columns = tl.arange(0, BLOCK)
        value = tl.load(x + row * stride + columns, mask=columns < width, other=-float("inf")).to(tl.float32)
        powers = tl.exp(value - tl.max(value, 0))
        tl.store(out + row * stride + columns, (powers / tl.sum(powers, 0)).to(out.dtype.element_ty),
                 mask=columns < width)


@triton.jit
def histogram_atomic(x, counts, weights, sums, n, bins, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    bin = tl.load(x + at, mask=at < n, other=0)
    inside = (at < n) & (bin >= 0) & (bin < bins)
    tl.atomic_add(counts + bin, 1, mask=inside, sem="relaxed")
    tl.atomic_add(sums + bin, tl.load(weights + at, mask=at < n, other=0.0), mask=inside)


@triton.jit
def histogram_block(x, counts, n, BLOCK: tl.constexpr, BINS: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    found = tl.histogram(tl.load(x + at, mask=inside, other=0), BINS, mask=inside)
    tl.atomic_add(counts + tl.arange(0, BINS), found)


@triton.jit
def philox(words, uniforms, normals, seed, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    w0, w1, w2, w3 = tl.randint4x(seed, at)
    tl.store(words + 4 * at, w0, mask=inside)
    tl.store(words + 4 * at + 1, w1, mask=inside)
    tl.store(words + 4 * at + 2, w2, mask=inside)
    tl.store(words + 4 * at + 3, w3, mask=inside)
    tl.store(uniforms + at, tl.rand(seed, at), mask=inside)
    tl.store(normals + at, tl.randn(seed, at), mask=inside)


@triton.jit
def special_functions(x, y, out, n, BLOCK: tl.constexpr):
    """Row r of out is the r-th function, over all of x (and y)."""
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    a = tl.load(x + at, mask=inside, other=1.0)
    b = tl.load(y + at, mask=inside, other=1.0)
    positive = tl.abs(a) + 0.25
    tl.store(out + 0 * n + at, tl.exp(a), mask=inside)
    tl.store(out + 1 * n + at, tl.exp2(a), mask=inside)
    tl.store(out + 2 * n + at, tl.log(positive), mask=inside)
    tl.store(out + 3 * n + at, tl.log2(positive), mask=inside)
    tl.store(out + 4 * n + at, tl.sin(a), mask=inside)
    tl.store(out + 5 * n + at, tl.cos(a), mask=inside)
    tl.store(out + 6 * n + at, tl.sqrt(positive), mask=inside)
    tl.store(out + 7 * n + at, tl.rsqrt(positive), mask=inside)
    tl.store(out + 8 * n + at, tl.sqrt_rn(positive), mask=inside)
    tl.store(out + 9 * n + at, a / positive, mask=inside)
    tl.store(out + 10 * n + at, tl.div_rn(a, positive), mask=inside)
    tl.store(out + 11 * n + at, tl.erf(a), mask=inside)
    tl.store(out + 12 * n + at, libdevice.tanh(a), mask=inside)
    tl.store(out + 13 * n + at, libdevice.pow(positive, b), mask=inside)
    tl.store(out + 14 * n + at, tl.floor(a), mask=inside)
    tl.store(out + 15 * n + at, tl.ceil(a), mask=inside)
    tl.store(out + 16 * n + at, tl.fma(a, b, positive), mask=inside)
    tl.store(out + 17 * n + at, tl.sigmoid(a), mask=inside)
    tl.store(out + 18 * n + at, tl.maximum(a, b), mask=inside)
    tl.store(out + 19 * n + at, tl.minimum(a, b), mask=inside)
    tl.store(out + 20 * n + at, tl.clamp(a, -1.0, 1.5), mask=inside)
    tl.store(out + 21 * n + at, libdevice.expm1(a), mask=inside)
    tl.store(out + 22 * n + at, libdevice.log1p(positive), mask=inside)
    tl.store(out + 23 * n + at, libdevice.rint(a), mask=inside)
    tl.store(out + 24 * n + at, libdevice.trunc(a), mask=inside)
    tl.store(out + 25 * n + at, libdevice.copysign(positive, b), mask=inside)
    tl.store(out + 26 * n + at, libdevice.fmod(a, positive), mask=inside)
    tl.store(out + 27 * n + at, libdevice.atan2(a, b), mask=inside)
    tl.store(out + 28 * n + at, libdevice.cbrt(positive), mask=inside)
    tl.store(out + 29 * n + at, libdevice.lgamma(positive), mask=inside)
    tl.store(out + 30 * n + at, libdevice.fast_expf(a), mask=inside)
    tl.store(out + 31 * n + at, libdevice.fast_dividef(a, positive), mask=inside)
    tl.store(out + 32 * n + at, libdevice.asin(a / (positive + 1.0)), mask=inside)
    tl.store(out + 33 * n + at, libdevice.sinh(a), mask=inside)
    tl.store(out + 34 * n + at, libdevice.round(a), mask=inside)


@triton.jit
def double_functions(x, out, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    a = tl.load(x + at, mask=inside, other=1.0)
    positive = tl.abs(a) + 0.25
    tl.store(out + 0 * n + at, libdevice.exp(a), mask=inside)
    tl.store(out + 1 * n + at, libdevice.log(positive), mask=inside)
    tl.store(out + 2 * n + at, libdevice.sin(a), mask=inside)
    tl.store(out + 3 * n + at, tl.sqrt(positive), mask=inside)
    tl.store(out + 4 * n + at, a / positive, mask=inside)
    tl.store(out + 5 * n + at, tl.fma(a, a, positive), mask=inside)
    tl.store(out + 6 * n + at, libdevice.rsqrt(positive), mask=inside)
    tl.store(out + 7 * n + at, tl.floor(a), mask=inside)
    tl.store(out + 8 * n + at, libdevice.tanh(a), mask=inside)
    tl.store(out + 9 * n + at, tl.maximum(a, 0.5) - tl.minimum(a, -0.5), mask=inside)
    tl.store(out + 10 * n + at, a.to(tl.float32).to(tl.float64), mask=inside)
    tl.store(out + 11 * n + at, a.to(tl.int64).to(tl.float64), mask=inside)
    tl.store(out + 12 * n + at, (a * 100.0).to(tl.int32).to(tl.float64), mask=inside)


@triton.jit
def first_order(a_decay, a_input, b_decay, b_input):
    return a_decay * b_decay, b_decay * a_input + b_input


@triton.jit
def larger_of(a, a_index, b, b_index):
    better = (a > b) | ((a == b) & (a_index < b_index))
    return tl.where(better, a, b), tl.where(better, a_index, b_index)


@triton.jit
def scans(x, decay, out, chosen, rows, width, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr):
    """out: cumulative sum, reverse cumulative sum, cumulative product, linear recurrence, sorted row, reversed row."""
    row = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    column = tl.arange(0, BLOCK_N)[None, :]
    inside = (row < rows) & (column < width)
    at = row * width + column
    plane = rows * width
    value = tl.load(x + at, mask=inside, other=0.0)
    factor = tl.load(decay + at, mask=inside, other=1.0)
    tl.store(out + at, tl.cumsum(value, 1), mask=inside)
    tl.store(out + plane + at, tl.cumsum(value, 1, reverse=True), mask=inside)
    tl.store(out + 2 * plane + at, tl.cumprod(factor, 1), mask=inside)
    _, state = tl.associative_scan((factor, value), 1, first_order)
    tl.store(out + 3 * plane + at, state, mask=inside)
    ordered = tl.sort(tl.where(column < width, value, 3.0e38), 1)
    tl.store(out + 4 * plane + at, ordered, mask=inside)
    tl.store(out + 5 * plane + at, tl.flip(value, 1), mask=(row < rows) & (column < width))
    hidden = tl.where(column < width, value, float("-inf"))
    indices = tl.broadcast_to(column, (BLOCK_M, BLOCK_N))
    line = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    tl.store(chosen + line, tl.argmax(hidden, 1), mask=line < rows)
    tl.store(chosen + rows + line, tl.argmin(tl.where(column < width, value, float("inf")), 1), mask=line < rows)
    _, best = tl.reduce((hidden, indices), 1, larger_of)
    tl.store(chosen + 2 * rows + line, best, mask=line < rows)
    tl.store(chosen + 3 * rows + line, tl.sum((value > 0).to(tl.int32), 1), mask=line < rows)
    tl.store(chosen + 4 * rows + line, tl.xor_sum(indices * (value > 0).to(tl.int32), 1), mask=line < rows)


@triton.jit
def convert(x, out, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(x + at, mask=at < n)
    tl.store(out + at, value.to(out.dtype.element_ty), mask=at < n)


@triton.jit
def convert_toward_zero(x, out, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(x + at, mask=at < n)
    tl.store(out + at, value.to(out.dtype.element_ty, fp_downcast_rounding="rtz"), mask=at < n)


@triton.jit
def philox_only(words, uniforms, seed, n, BLOCK: tl.constexpr):
    """What is bit-exact of the noise: the words and the uniform numbers."""
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    w0, w1, w2, w3 = tl.randint4x(seed, at)
    tl.store(words + 4 * at, w0, mask=inside)
    tl.store(words + 4 * at + 1, w1, mask=inside)
    tl.store(words + 4 * at + 2, w2, mask=inside)
    tl.store(words + 4 * at + 3, w3, mask=inside)
    tl.store(uniforms + at, tl.rand(seed, at), mask=inside)
