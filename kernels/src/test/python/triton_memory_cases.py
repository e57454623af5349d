"""Cases of tensor maps, atomics, whole numbers and memory."""

import numpy as np

from triton_case import BF16, F16, F32, F64, I8, I32, I64, Case, case, cdiv, wide, normal, untouched
import triton_memory_kernels as kernels


# ---- tensor maps ----

def copied(random, dtype, rows, columns, block_rows, block_columns, **options):
    if dtype.kind in "iu":
        x = random.integers(0, 60, (rows, columns)).astype(dtype)
    else:
        x = normal(random, (rows, columns), dtype)
    return Case(kernels.copy_by_descriptor, dict(x=x, out=untouched(x.shape, dtype), rows=rows, columns=columns),
                dict(BLOCK_M=block_rows, BLOCK_N=block_columns), (cdiv(rows, block_rows), cdiv(columns, block_columns), 1),
                dict(out=(x + x).astype(dtype)), (0, 0), options)


@case("tensor_map_copy_fp32", 90)
def copy_fp32(target, random):
    return copied(random, F32, 21, 44, 16, 32)


@case("tensor_map_copy_bf16", 90)
def copy_bf16(target, random):
    return copied(random, BF16, 37, 72, 16, 64)


@case("tensor_map_copy_fp16_narrow", 90)
def copy_fp16_narrow(target, random):
    return copied(random, F16, 19, 24, 8, 8, num_warps=1)


@case("tensor_map_copy_int8", 90)
def copy_int8(target, random):
    return copied(random, I8, 13, 80, 8, 32)


@case("tensor_map_copy_fp64", 90)
def copy_fp64(target, random):
    return copied(random, F64, 11, 26, 8, 16)


@case("tensor_map_copy_int32_wide", 90)
def copy_int32(target, random):
    return copied(random, I32, 10, 300, 8, 128)


@case("tensor_map_volume", 90)
def copy_volume(target, random):
    shape = (2, 3, 3, 7, 16)
    x = normal(random, shape, F16)
    after = np.zeros(shape, F16)
    after[..., 1:, 8:] = x[..., :-1, :-8]
    return Case(kernels.copy_volume,
                dict(x=x, out=untouched(shape, F16), A=shape[0], B=shape[1], C=shape[2], D=shape[3], E=shape[4]),
                dict(BLOCK_C=2, BLOCK_D=4, BLOCK_E=16, SHIFT_D=1, SHIFT_E=8), (2, 3, 1), dict(out=after))


@case("tensor_map_reduce", 90)
def reduced(target, random):
    rows, columns, block = 45, 40, 16
    x = random.integers(-1000, 1000, (rows, columns)).astype(I32)
    sums, peaks = random.integers(-9, 9, (2, block, columns)).astype(I32)
    whole = np.zeros((cdiv(rows, block) * block, columns), I32)
    whole[:rows] = x
    blocks = whole.reshape(-1, block, columns)
    return Case(kernels.reduce_by_descriptor, dict(x=x, sums=sums, peaks=peaks, rows=rows, columns=columns),
                dict(BLOCK_M=block, BLOCK_N=32), (cdiv(rows, block), cdiv(columns, 32), 1),
                dict(sums=(sums + blocks.sum(0)).astype(I32), peaks=np.maximum(peaks, blocks.max(0)).astype(I32)))


# ---- atomics and memory ----

def atomically(random, dtype):
    n, slots = 300, 23
    x = random.integers(-1000, 1000, n).astype(dtype)
    indices = random.integers(0, slots, n).astype(I32)
    at = np.arange(n)
    adds, maxima, minima = np.zeros(slots, dtype), np.full(slots, -5, dtype), np.full(slots, 5, dtype)
    bits = random.integers(0, 1 << 16, (3, slots)).astype(I32)
    swaps = np.concatenate([random.integers(0, 1000, n), np.full(n, 99)]).astype(I32)
    after = {name: value.copy() for name, value in
             dict(adds=adds, maxima=maxima, minima=minima, bits=bits, swaps=swaps).items()}
    np.add.at(after["adds"], indices, x)
    np.maximum.at(after["maxima"], indices, x)
    np.minimum.at(after["minima"], indices, x)
    np.bitwise_or.at(after["bits"][0], indices, at.astype(I32))
    np.bitwise_and.at(after["bits"][1], indices, at.astype(I32))
    np.bitwise_xor.at(after["bits"][2], indices, at.astype(I32))
    after["swaps"][:n], after["swaps"][n:] = at + 7, swaps[:n]
    return Case(kernels.atomics,
                dict(x=x, indices=indices, adds=adds, maxima=maxima, minima=minima, bits=bits, swaps=swaps, n=n,
                     slots=slots),
                dict(BLOCK=128), (cdiv(n, 128), 1, 1), after)


@case("atomics_int32", 90, also=(80,))
def atomics_int32(target, random):
    return atomically(random, I32)


@case("atomics_int64", 80)
def atomics_int64(target, random):
    return atomically(random, I64)


@case("atomics_fp32", 80, also=(90,))
def atomics_fp32(target, random):
    return atomically(random, F32)


@case("atomics_uint32", 80)
def atomics_uint32(target, random):
    made = atomically(random, I32)
    n, slots = 300, 23
    x = np.abs(made.arguments["x"]).astype(np.uint32)
    indices = made.arguments["indices"]
    arguments, after = dict(made.arguments), dict(made.expected)
    arguments.update(x=x, adds=np.zeros(slots, np.uint32), maxima=np.full(slots, 7, np.uint32),
                     minima=np.full(slots, 700, np.uint32))
    for name, operation in dict(adds=np.add, maxima=np.maximum, minima=np.minimum).items():
        after[name] = arguments[name].copy()
        operation.at(after[name], indices, x)
    return Case(kernels.atomics, arguments, made.constants, made.grid, after)


def summed(random, dtype, tolerance):
    n, slots = 200, 8
    x = random.integers(-8, 8, n).astype(dtype)
    indices = random.integers(0, slots, n).astype(I32)
    sums = np.zeros(slots, F64)
    np.add.at(sums, indices, wide(x))
    return Case(kernels.atomic_sum, dict(x=x, indices=indices, sums=np.zeros(slots, dtype), n=n), dict(BLOCK=128),
                (cdiv(n, 128), 1, 1), dict(sums=sums.astype(dtype)), tolerance)


@case("atomic_sum_fp16", 80, also=(90,))
def atomic_sum_fp16(target, random):
    return summed(random, F16, (0, 0))


@case("atomic_sum_bf16", 90, also=(80,))
def atomic_sum_bf16(target, random):
    return summed(random, BF16, (1, 0.02))


@case("atomic_sum_fp64", 80)
def atomic_sum_fp64(target, random):
    return summed(random, F64, (0, 0))


@case("locked_rows", 80, also=(90,))
def locked(target, random):
    rows, width, groups = 9, 45, 2
    x = normal(random, (rows, width), F32)
    sums = np.stack([wide(x)[g::groups].sum(0) for g in range(groups)])
    locks = np.zeros(2 * groups, I32)
    after = locks.copy()
    after[groups:] = [len(range(g, rows, groups)) for g in range(groups)]
    return Case(kernels.locked_rows,
                dict(x=x, sums=untouched((groups, width), F32), locks=locks, rows=rows, width=width, groups=groups),
                dict(BLOCK=64), (rows, 1, 1), dict(sums=sums.astype(F32), locks=after), (1e-5, 1e-5))


def swapped(random, dtype):
    n = 128
    x = random.integers(0, 3, n).astype(dtype)
    expected, desired = random.integers(0, 3, n).astype(dtype), random.integers(10, 99, n).astype(dtype)
    return Case(kernels.compare_and_swap, dict(x=x, expected=expected, desired=desired, before=untouched(n, dtype), n=n),
                dict(BLOCK=128), (1, 1, 1), dict(x=np.where(x == expected, desired, x), before=x.copy()))


@case("compare_and_swap_int32", 90, also=(80,))
def cas32(target, random):
    return swapped(random, I32)


@case("compare_and_swap_int64", 80)
def cas64(target, random):
    return swapped(random, I64)


@case("gather_rows", 80, also=(90,))
def gather(target, random):
    table = normal(random, (19, 45), F32)
    indices = random.integers(-3, 22, 37).astype(I64)
    known = (indices >= 0) & (indices < 19)
    answer = np.where(known[:, None], table[np.where(known, indices, 0)], np.float32(-1))
    return Case(kernels.gather_rows,
                dict(table=table, indices=indices, out=untouched((37, 45), F32), count=37, width=45, limit=19),
                dict(BLOCK_M=16, BLOCK_N=32), (3, 2, 1), dict(out=answer))


@case("cache_hints", 90, also=(80,))
def hints(target, random):
    n = 300
    x = normal(random, (6, n), F32)
    answer = np.tile(wide(x).sum(0), (4, 1)).astype(F32)
    return Case(kernels.cache_hints, dict(x=x, out=untouched((4, n), F32), n=n), dict(BLOCK=256), (2, 1, 1),
                dict(out=answer), (1e-5, 1e-5))


@case("far_indices", 80, also=(90,))
def far(target, random):
    rows, width = 5, 99
    x = random.integers(-10 ** 12, 10 ** 12, (rows, width)).astype(I64)
    big = np.arange(width, dtype=I64) * 6700417 * 641
    truncated = lambda a, b: np.sign(a) * (np.abs(a) // b)
    total = np.zeros(width, I64)
    with np.errstate(over="ignore"):
        for row in range(rows - 1, -1, -1):
            mixed = x[row] * (big + row)
            quotient = np.array([int(abs(int(m)) // 9) * (1 if m >= 0 else -1) for m in mixed], I64)
            remainder = np.array([int(abs(int(m)) % 1000003) * (1 if m >= 0 else -1) for m in x[row] + big], I64)
            total = (total + quotient - remainder) ^ ((big >> 7) << 3)
    return Case(kernels.far_indices, dict(x=x, out=untouched(width, I64), rows=rows, width=width, stride=width),
                dict(BLOCK=64), (2, 1, 1), dict(out=total))


def whole(random, dtype):
    n = 130
    info = np.iinfo(dtype)
    x = random.integers(info.min + 1, info.max, n, dtype=dtype, endpoint=True)
    y = random.integers(max(info.min + 1, -1000), min(info.max, 1000), n).astype(dtype)
    y[y == 0] = 3
    x[:40] = random.integers(0, 100, 40)
    with np.errstate(over="ignore", invalid="ignore"):
        quotient = np.array([abs(int(p)) // abs(int(q)) * (1 if (p < 0) == (q < 0) else -1) for p, q in zip(x, y)])
        remainder = np.array([abs(int(p)) % abs(int(q)) * (1 if p >= 0 else -1) for p, q in zip(x, y)])
        count = (y & dtype.type(7)).astype(dtype)
        near = x.astype(F32)
        back = np.array([min(max(int(v), int(info.min)), int(info.max)) for v in near], object)
        answer = [x + y, x - y, x * y, quotient, remainder, x << count, x >> count, x & y, x | ~y, x ^ y,
                  np.maximum(x, y), np.minimum(x, y), np.where(x < y, -x, y), back, x.astype(np.int8),
                  x.astype(np.int16), x.astype(np.uint8)]
    out = np.stack([np.asarray(row).astype(dtype) for row in answer])
    return Case(kernels.integers, dict(x=x, y=y, out=untouched(out.shape, dtype), n=n), dict(BLOCK=128),
                (cdiv(n, 128), 1, 1), dict(out=out))


@case("integers_int32", 80, also=(90,))
def integers32(target, random):
    return whole(random, I32)


@case("integers_int64", 80)
def integers64(target, random):
    return whole(random, I64)


@case("integers_uint32", 80)
def integers_unsigned(target, random):
    return whole(random, np.dtype(np.uint32))


@case("integers_int16", 80)
def integers16(target, random):
    return whole(random, np.dtype(np.int16))


@case("bit_counts", 80, also=(90,))
def bit_counts(target, random):
    n = 200
    x = random.integers(-2 ** 31, 2 ** 31 - 1, n).astype(I32)
    x[:3] = [0, 1, -1]
    with np.errstate(over="ignore"):
        unsigned = x.view(np.uint32)
        bits = [format(int(v), "032b") for v in unsigned]
        pairs = [list(int(v).to_bytes(4, "little") + int(w).to_bytes(4, "little"))
                 for v, w in zip(unsigned, (x * I32.type(3)).view(np.uint32))]
        mixed = [int.from_bytes(bytes(p[s] for s in (4, 1, 6, 3)), "little") for p in pairs]
        five = (x * I32.type(5)).astype(I64)
        seven = x * I32.type(7)
        distance = np.abs(x.astype(I64) - seven.astype(I64)).astype(np.uint64).astype(np.uint32).view(I32)
        answer = [np.array([b.count("1") for b in bits]), np.array([len(b) - len(b.lstrip("0")) for b in bits]),
                  np.array([int(b[::-1], 2) for b in bits], np.uint32).view(I32),
                  np.array([b[::-1].find("1") + 1 for b in bits]), np.array(mixed, np.uint32).view(I32),
                  (x.astype(I64) * five >> 32), distance + ((x >> 3).astype(I32))]
        high = (unsigned.astype(np.uint64) * np.uint64(0x9E3779B9) >> np.uint64(32)).astype(np.uint32).view(I32)
    return Case(kernels.bit_counts, dict(x=x, out=untouched((7, n), I32), high=untouched(n, I32), n=n), dict(BLOCK=128),
                (cdiv(n, 128), 1, 1), dict(out=np.stack([np.asarray(r).astype(I32) for r in answer]), high=high))


@case("shapes", 90, also=(80,))
def shapes(target, random):
    rows, columns = 16, 32
    x, y = normal(random, (rows, columns), F32), normal(random, (rows, columns), F32)
    plane = rows * columns
    out = untouched(7 * plane, F32)
    after = out.astype(F64)
    a, b = wide(x), wide(y)
    after[:plane] = a.T.reshape(-1)
    after[plane:3 * plane] = np.stack([a, b], -1).reshape(-1)
    after[3 * plane:4 * plane] = np.cumsum(a.reshape(rows // 2, 2 * columns), 1).reshape(-1)
    halves = a.reshape(rows, 2, columns // 2)
    after[4 * plane:4 * plane + plane // 2] = (halves[:, 0] - halves[:, 1]).reshape(-1)
    index = (np.arange(rows)[:, None] * 5 + np.arange(columns)[None, :] * 3) % columns
    after[5 * plane:6 * plane] = np.take_along_axis(a, index, 1).reshape(-1)
    after[6 * plane:] = (a * b.sum(0)[None, :] + a.max(1)[:, None]).reshape(-1)
    return Case(kernels.shapes, dict(x=x, y=y, out=out), dict(rows=rows, columns=columns), (1, 1, 1),
                dict(out=after.astype(F32)), (1e-5, 1e-5))


@case("called_function", 80, also=(90,))
def called(target, random):
    n, scale = 5, 1.5
    x = normal(random, n, F32)
    f = lambda v, s: (v * s + 1) * v - s
    return Case(kernels.called, dict(x=x, out=untouched(n, F32), scale=scale), {}, (n, 1, 1),
                dict(out=f(f(wide(x), scale), .5).astype(F32)), (1e-4, 1e-5))


@case("collatz", 80)
def collatz(target, random):
    n = 150
    x = random.integers(1, 1000, n).astype(I32)

    def steps(v):
        count = 0
        while v > 1:
            v, count = (v // 2 if v % 2 == 0 else 3 * v + 1), count + 1
        return count
    return Case(kernels.collatz, dict(x=x, out=untouched(n, I32), n=n), dict(BLOCK=128), (2, 1, 1),
                dict(out=np.array([steps(int(v)) for v in x], I32)))
