"""Triton kernels of matrix products and attention, each indifferent to ragged sizes."""

import triton
import triton.language as tl


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
