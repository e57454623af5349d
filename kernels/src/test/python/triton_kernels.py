"""The Triton kernels behind the cases of ptx-cases: each a well-known computation, each indifferent to ragged sizes."""

import triton
import triton.language as tl
from triton.language.extra.cuda import libdevice


@triton.jit
def matmul(a, b, c, M, N, K, stride_a, stride_b, stride_c,
           BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
           TRANSPOSED_B: tl.constexpr, ACCUMULATOR: tl.constexpr, PRECISION: tl.constexpr):
    rows = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    columns = tl.program_id(1) * BLOCK_N + tl.arange(0, BLOCK_N)
    accumulator = tl.zeros((BLOCK_M, BLOCK_N), ACCUMULATOR)
    for start in range(0, K, BLOCK_K):
        depth = start + tl.arange(0, BLOCK_K)
        x = tl.load(a + rows[:, None] * stride_a + depth[None, :],
                    mask=(rows[:, None] < M) & (depth[None, :] < K), other=0.0)
        if TRANSPOSED_B:
            y = tl.trans(tl.load(b + columns[:, None] * stride_b + depth[None, :],
                                 mask=(columns[:, None] < N) & (depth[None, :] < K), other=0.0))
        else:
            y = tl.load(b + depth[:, None] * stride_b + columns[None, :],
                        mask=(depth[:, None] < K) & (columns[None, :] < N), other=0.0)
        accumulator = tl.dot(x, y, accumulator, input_precision=PRECISION, out_dtype=ACCUMULATOR)
    tl.store(c + rows[:, None] * stride_c + columns[None, :], accumulator.to(c.dtype.element_ty),
             mask=(rows[:, None] < M) & (columns[None, :] < N))


@triton.jit
def matmul_descriptors(a, b, c, M, N, K, stride_a, stride_b, stride_c,
                       BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
                       TRANSPOSED_B: tl.constexpr):
    """One tile a program; operands and result move by tensor descriptors made on the device."""
    from_a = tl.make_tensor_descriptor(a, [M, K], [stride_a, 1], [BLOCK_M, BLOCK_K])
    to_c = tl.make_tensor_descriptor(c, [M, N], [stride_c, 1], [BLOCK_M, BLOCK_N])
    row = tl.program_id(0) * BLOCK_M
    column = tl.program_id(1) * BLOCK_N
    accumulator = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    if TRANSPOSED_B:
        from_b = tl.make_tensor_descriptor(b, [N, K], [stride_b, 1], [BLOCK_N, BLOCK_K])
        for start in range(0, K, BLOCK_K):
            accumulator = tl.dot(from_a.load([row, start]), from_b.load([column, start]).T, accumulator)
    else:
        from_b = tl.make_tensor_descriptor(b, [K, N], [stride_b, 1], [BLOCK_K, BLOCK_N])
        for start in range(0, K, BLOCK_K):
            accumulator = tl.dot(from_a.load([row, start]), from_b.load([start, column]), accumulator)
    to_c.store([row, column], accumulator.to(c.dtype.element_ty))


@triton.jit
def matmul_persistent(a, b, c, M, N, K, stride_a, stride_b, stride_c,
                      BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
                      PROGRAMS: tl.constexpr, FLATTEN: tl.constexpr, SPECIALISED: tl.constexpr):
    """Each program walks over several tiles; the copies may have warps of their own."""
    from_a = tl.make_tensor_descriptor(a, [M, K], [stride_a, 1], [BLOCK_M, BLOCK_K])
    from_b = tl.make_tensor_descriptor(b, [N, K], [stride_b, 1], [BLOCK_N, BLOCK_K])
    to_c = tl.make_tensor_descriptor(c, [M, N], [stride_c, 1], [BLOCK_M, BLOCK_N])
    across = tl.cdiv(N, BLOCK_N)
    tiles = tl.cdiv(M, BLOCK_M) * across
    for tile in tl.range(tl.program_id(0), tiles, PROGRAMS, flatten=FLATTEN, warp_specialize=SPECIALISED):
        row = tile // across * BLOCK_M
        column = tile % across * BLOCK_N
        accumulator = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
        for start in range(0, tl.cdiv(K, BLOCK_K)):
            x = from_a.load([row, start * BLOCK_K])
            y = from_b.load([column, start * BLOCK_K])
            accumulator = tl.dot(x, y.T, accumulator)
        to_c.store([row, column], accumulator.to(c.dtype.element_ty))


@triton.jit
def attention(q, k, v, out, scale, queries, keys, stride,
              HEAD: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, CAUSAL: tl.constexpr):
    """Online-softmax attention of one head (program axis 1) over rows of `stride` elements."""
    head = tl.program_id(1) * HEAD
    rows = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    lanes = tl.arange(0, HEAD)
    query = tl.load(q + head + rows[:, None] * stride + lanes[None, :], mask=rows[:, None] < queries, other=0.0)
    accumulator = tl.zeros((BLOCK_M, HEAD), tl.float32)
    largest = tl.full((BLOCK_M,), float("-inf"), tl.float32)
    total = tl.zeros((BLOCK_M,), tl.float32)
    end = keys
    if CAUSAL:
        end = tl.minimum(keys, (tl.program_id(0) + 1) * BLOCK_M)
    for start in range(0, end, BLOCK_N):
        columns = start + tl.arange(0, BLOCK_N)
        key = tl.load(k + head + columns[:, None] * stride + lanes[None, :], mask=columns[:, None] < keys, other=0.0)
        scores = tl.dot(query, tl.trans(key)) * (scale * 1.44269504)
        visible = columns[None, :] < keys
        if CAUSAL:
            visible = visible & (columns[None, :] <= rows[:, None])
        scores = tl.where(visible, scores, float("-inf"))
        peak = tl.maximum(largest, tl.max(scores, 1))
        weights = tl.exp2(scores - peak[:, None])
        rescale = tl.exp2(largest - peak)
        total = total * rescale + tl.sum(weights, 1)
        value = tl.load(v + head + columns[:, None] * stride + lanes[None, :], mask=columns[:, None] < keys, other=0.0)
        accumulator = accumulator * rescale[:, None]
        accumulator = tl.dot(weights.to(value.dtype), value, accumulator)
        largest = peak
    accumulator = accumulator / total[:, None]
    tl.store(out + head + rows[:, None] * stride + lanes[None, :], accumulator.to(out.dtype.element_ty),
             mask=rows[:, None] < queries)


@triton.jit
def attention_descriptors(q, k, v, out, scale, queries, keys, stride,
                          HEAD: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, CAUSAL: tl.constexpr,
                          SPECIALISED: tl.constexpr):
    """The same, its tiles moved by tensor descriptors."""
    from_q = tl.make_tensor_descriptor(q, [queries, stride], [stride, 1], [BLOCK_M, HEAD])
    from_k = tl.make_tensor_descriptor(k, [keys, stride], [stride, 1], [BLOCK_N, HEAD])
    from_v = tl.make_tensor_descriptor(v, [keys, stride], [stride, 1], [BLOCK_N, HEAD])
    to_out = tl.make_tensor_descriptor(out, [queries, stride], [stride, 1], [BLOCK_M, HEAD])
    head = tl.program_id(1) * HEAD
    first = tl.program_id(0) * BLOCK_M
    rows = first + tl.arange(0, BLOCK_M)
    query = from_q.load([first, head])
    accumulator = tl.zeros((BLOCK_M, HEAD), tl.float32)
    largest = tl.full((BLOCK_M,), float("-inf"), tl.float32)
    total = tl.zeros((BLOCK_M,), tl.float32)
    end = keys
    if CAUSAL:
        end = tl.minimum(keys, first + BLOCK_M)
    for start in tl.range(0, end, BLOCK_N, warp_specialize=SPECIALISED):
        columns = start + tl.arange(0, BLOCK_N)
        scores = tl.dot(query, from_k.load([start, head]).T) * (scale * 1.44269504)
        visible = columns[None, :] < keys
        if CAUSAL:
            visible = visible & (columns[None, :] <= rows[:, None])
        scores = tl.where(visible, scores, float("-inf"))
        peak = tl.maximum(largest, tl.max(scores, 1))
        weights = tl.exp2(scores - peak[:, None])
        rescale = tl.exp2(largest - peak)
        total = total * rescale + tl.sum(weights, 1)
        value = from_v.load([start, head])
        accumulator = tl.dot(weights.to(value.dtype), value, accumulator * rescale[:, None])
        largest = peak
    to_out.store([first, head], (accumulator / total[:, None]).to(out.dtype.element_ty))


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
def copy_by_descriptor(x, out, rows, columns, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr):
    """out = 2 x: one tensor-map load and one store a program."""
    source = tl.make_tensor_descriptor(x, [rows, columns], [columns, 1], [BLOCK_M, BLOCK_N])
    target = tl.make_tensor_descriptor(out, [rows, columns], [columns, 1], [BLOCK_M, BLOCK_N])
    row = tl.program_id(0) * BLOCK_M
    column = tl.program_id(1) * BLOCK_N
    value = source.load([row, column])
    target.store([row, column], value + value)


@triton.jit
def copy_volume(x, out, A, B, C, D, E, BLOCK_C: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_E: tl.constexpr,
                SHIFT_D: tl.constexpr, SHIFT_E: tl.constexpr):
    """out = x shifted by (SHIFT_D, SHIFT_E) in its last two axes, zeros where nothing is: five-dimensional tensor maps.
    The innermost coordinate of a tensor copy has to come to a multiple of 16 bytes."""
    source = tl.make_tensor_descriptor(x, [A, B, C, D, E], [B * C * D * E, C * D * E, D * E, E, 1],
                                       [1, 1, BLOCK_C, BLOCK_D, BLOCK_E])
    target = tl.make_tensor_descriptor(out, [A, B, C, D, E], [B * C * D * E, C * D * E, D * E, E, 1],
                                       [1, 1, BLOCK_C, BLOCK_D, BLOCK_E])
    first = tl.program_id(0)
    second = tl.program_id(1)
    for c in range(0, C, BLOCK_C):
        for d in range(0, D, BLOCK_D):
            for e in range(0, E, BLOCK_E):
                target.store([first, second, c, d, e], source.load([first, second, c, d - SHIFT_D, e - SHIFT_E]))


@triton.jit
def reduce_by_descriptor(x, sums, peaks, rows, columns, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr):
    """Adds every row block of x into sums, and its maximum into peaks, by reducing tensor stores."""
    source = tl.make_tensor_descriptor(x, [rows, columns], [columns, 1], [BLOCK_M, BLOCK_N])
    added = tl.make_tensor_descriptor(sums, [BLOCK_M, columns], [columns, 1], [BLOCK_M, BLOCK_N])
    raised = tl.make_tensor_descriptor(peaks, [BLOCK_M, columns], [columns, 1], [BLOCK_M, BLOCK_N])
    row = tl.program_id(0) * BLOCK_M
    column = tl.program_id(1) * BLOCK_N
    value = source.load([row, column])
    added.atomic_add([0, column], value)
    raised.atomic_max([0, column], value)


@triton.jit
def atomics(x, indices, adds, maxima, minima, bits, swaps, n, slots, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    value = tl.load(x + at, mask=inside, other=0)
    slot = tl.load(indices + at, mask=inside, other=0)
    tl.atomic_add(adds + slot, value, mask=inside, sem="relaxed", scope="gpu")
    tl.atomic_max(maxima + slot, value, mask=inside, sem="acq_rel", scope="gpu")
    tl.atomic_min(minima + slot, value, mask=inside, sem="release", scope="sys")
    tl.atomic_or(bits + slot, at, mask=inside)
    tl.atomic_and(bits + slots + slot, at, mask=inside, sem="acquire")
    tl.atomic_xor(bits + 2 * slots + slot, at, mask=inside)
    before = tl.atomic_xchg(swaps + at, at + 7, mask=inside)
    tl.store(swaps + n + at, before, mask=inside)


@triton.jit
def atomic_sum(x, indices, sums, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.atomic_add(sums + tl.load(indices + at, mask=at < n, other=0), tl.load(x + at, mask=at < n), mask=at < n)


@triton.jit
def locked_rows(x, sums, locks, rows, width, groups, BLOCK: tl.constexpr):
    """Adds rows into groups of rows, each guarded by a spin lock (compare-and-swap) and counted on its first visit."""
    row = tl.program_id(0)
    group = row % groups
    columns = tl.arange(0, BLOCK)
    inside = columns < width
    value = tl.load(x + row * width + columns, mask=inside, other=0.0)
    while tl.atomic_cas(locks + group, 0, 1) == 1:
        pass
    visits = tl.load(locks + groups + group)
    tl.debug_barrier()      # all warps have read the count before one of them raises it
    if visits != 0:
        value += tl.load(sums + group * width + columns, mask=inside, other=0.0)
    tl.store(sums + group * width + columns, value, mask=inside)
    tl.debug_barrier()  # every thread has read the count before one of them replaces it
    tl.store(locks + groups + group, visits + 1)
    tl.debug_barrier()
    tl.atomic_xchg(locks + group, 0)


@triton.jit
def compare_and_swap(x, expected, desired, before, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    old = tl.atomic_cas(x + at, tl.load(expected + at), tl.load(desired + at))
    tl.store(before + at, old)


@triton.jit
def gather_rows(table, indices, out, count, width, limit, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr):
    """Rows of a table by 64-bit index; an index outside [0, limit) gives minus one."""
    row = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    column = tl.program_id(1) * BLOCK_N + tl.arange(0, BLOCK_N)
    index = tl.load(indices + row, mask=row < count, other=-1)
    known = (index >= 0) & (index < limit)
    value = tl.load(table + index[:, None] * width + column[None, :], mask=known[:, None] & (column[None, :] < width),
                    other=-1.0, cache_modifier=".cg")
    tl.store(out + row[:, None].to(tl.int64) * width + column[None, :], value,
             mask=(row[:, None] < count) & (column[None, :] < width), eviction_policy="evict_first")


@triton.jit
def cache_hints(x, out, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    total = tl.load(x + at, mask=inside, cache_modifier=".ca")
    total += tl.load(x + n + at, mask=inside, cache_modifier=".cg")
    total += tl.load(x + 2 * n + at, mask=inside, volatile=True)
    total += tl.load(x + 3 * n + at, mask=inside, eviction_policy="evict_first")
    total += tl.load(x + 4 * n + at, mask=inside, eviction_policy="evict_last")
    total += tl.load(x + 5 * n + at, mask=inside, cache_modifier=".cv")
    tl.store(out + at, total, mask=inside, cache_modifier=".wb")
    tl.store(out + n + at, total, mask=inside, cache_modifier=".cs")
    tl.store(out + 2 * n + at, total, mask=inside, cache_modifier=".wt")
    tl.store(out + 3 * n + at, total, mask=inside, cache_modifier=".cg")


@triton.jit
def far_indices(x, out, rows, width, stride, BLOCK: tl.constexpr):
    """Sums columns backwards with 64-bit arithmetic whose intermediate products pass 2^32."""
    column = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    big = column * 6700417 * 641
    inside = column < width
    total = tl.zeros((BLOCK,), tl.int64)
    for row in range(rows - 1, -1, -1):
        value = tl.load(x + row * stride + column, mask=inside, other=0)
        total += value * (big + row) // 9 - (value + big) % 1000003
        total ^= (big >> 7) << 3
    tl.store(out + column, total, mask=inside)


@triton.jit
def integers(x, y, out, n, BLOCK: tl.constexpr):
    """Row r of out is the r-th operation on whole numbers."""
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    a = tl.load(x + at, mask=inside, other=1)
    b = tl.load(y + at, mask=inside, other=1)
    count = (b & 7).to(a.dtype)
    tl.store(out + 0 * n + at, a + b, mask=inside)
    tl.store(out + 1 * n + at, a - b, mask=inside)
    tl.store(out + 2 * n + at, a * b, mask=inside)
    tl.store(out + 3 * n + at, a // b, mask=inside)
    tl.store(out + 4 * n + at, a % b, mask=inside)
    tl.store(out + 5 * n + at, a << count, mask=inside)
    tl.store(out + 6 * n + at, a >> count, mask=inside)
    tl.store(out + 7 * n + at, a & b, mask=inside)
    tl.store(out + 8 * n + at, a | ~b, mask=inside)
    tl.store(out + 9 * n + at, a ^ b, mask=inside)
    tl.store(out + 10 * n + at, tl.maximum(a, b), mask=inside)
    tl.store(out + 11 * n + at, tl.minimum(a, b), mask=inside)
    tl.store(out + 12 * n + at, tl.where(a < b, -a, b), mask=inside)
    tl.store(out + 13 * n + at, a.to(tl.float32).to(a.dtype), mask=inside)
    tl.store(out + 14 * n + at, a.to(tl.int8).to(a.dtype), mask=inside)
    tl.store(out + 15 * n + at, a.to(tl.int16).to(a.dtype), mask=inside)
    tl.store(out + 16 * n + at, a.to(tl.uint8).to(a.dtype), mask=inside)


@triton.jit
def bit_counts(x, out, high, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    a = tl.load(x + at, mask=inside, other=1)
    tl.store(out + at, libdevice.popc(a), mask=inside)
    tl.store(out + n + at, libdevice.clz(a), mask=inside)
    tl.store(out + 2 * n + at, libdevice.brev(a), mask=inside)
    tl.store(out + 3 * n + at, libdevice.ffs(a), mask=inside)
    tl.store(out + 4 * n + at, libdevice.byte_perm(a, a * 3, 0x3614), mask=inside)
    tl.store(out + 5 * n + at, libdevice.mulhi(a, a * 5), mask=inside)
    tl.store(out + 6 * n + at, libdevice.sad(a, a * 7, (a >> 3).to(tl.uint32)).to(tl.int32), mask=inside)
    tl.store(high + at, tl.umulhi(a.to(tl.uint32), 0x9E3779B9), mask=inside)


@triton.jit
def shapes(x, y, out, rows: tl.constexpr, columns: tl.constexpr):
    """Transposition, join, interleave, reshape, in-tile gather and broadcast: what moves between threads."""
    row = tl.arange(0, rows)
    column = tl.arange(0, columns)
    at = row[:, None] * columns + column[None, :]
    plane = rows * columns
    a = tl.load(x + at)
    b = tl.load(y + at)
    turned = column[:, None] * rows + row[None, :]
    tl.store(out + turned, tl.trans(a))
    tl.store(out + plane + row[:, None] * (2 * columns) + tl.arange(0, 2 * columns)[None, :], tl.interleave(a, b))
    folded = tl.reshape(a, (rows // 2, 2 * columns))
    wide = tl.arange(0, rows // 2)[:, None] * (2 * columns) + tl.arange(0, 2 * columns)[None, :]
    tl.store(out + 3 * plane + wide, tl.cumsum(folded, 1))
    first, second = tl.split(tl.permute(tl.reshape(a, (rows, 2, columns // 2)), (0, 2, 1)))
    half = row[:, None] * (columns // 2) + tl.arange(0, columns // 2)[None, :]
    tl.store(out + 4 * plane + half, first - second)
    index = (row[:, None] * 5 + column[None, :] * 3) % columns
    tl.store(out + 5 * plane + at, tl.gather(a, index, 1))
    tl.store(out + 6 * plane + at, a * tl.sum(b, 0)[None, :] + tl.max(a, 1)[:, None])


@triton.jit(noinline=True)
def polynomial(x, scale):
    return (x * scale + 1.0) * x - scale


@triton.jit
def called(x, out, scale):
    """A function that is called, not inlined, for one number a program."""
    at = tl.program_id(0)
    tl.store(out + at, polynomial(polynomial(tl.load(x + at), scale), 0.5))


@triton.jit
def collatz(x, out, n, BLOCK: tl.constexpr):
    """Steps to one: a loop whose lanes end at different times (as a block-wide reduction decides)."""
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(x + at, mask=at < n, other=1)
    steps = tl.zeros((BLOCK,), tl.int32)
    while tl.max(value, 0) > 1:
        moving = value > 1
        value = tl.where(moving, tl.where(value % 2 == 0, value // 2, 3 * value + 1), value)
        steps += moving.to(tl.int32)
    tl.store(out + at, steps, mask=at < n)


@triton.jit
def scaled_dot(a, a_scale, b, b_scale, out, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr,
               A_FORMAT: tl.constexpr, B_FORMAT: tl.constexpr, A_PACK: tl.constexpr, B_PACK: tl.constexpr):
    """A product of microscaled tiles: a power of two for each 32 values along the depth."""
    row = tl.arange(0, M)
    column = tl.arange(0, N)
    left = tl.load(a + row[:, None] * (K // A_PACK) + tl.arange(0, K // A_PACK)[None, :])
    right = tl.load(b + tl.arange(0, K // B_PACK)[:, None] * N + column[None, :])
    left_scale = tl.load(a_scale + row[:, None] * (K // 32) + tl.arange(0, K // 32)[None, :])
    right_scale = tl.load(b_scale + column[:, None] * (K // 32) + tl.arange(0, K // 32)[None, :])
    product = tl.dot_scaled(left, left_scale, A_FORMAT, right, right_scale, B_FORMAT)
    tl.store(out + row[:, None] * N + column[None, :], product)


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
