"""Triton kernels of tensor maps, atomics, whole numbers and memory, each indifferent to ragged sizes."""

import triton
import triton.language as tl
from triton.language.extra.cuda import libdevice


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
