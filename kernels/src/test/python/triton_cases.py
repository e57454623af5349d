"""What each case launches, and what NumPy says must come out of it.

Every function below registers one case for one or more targets. Inputs are random (seeded by the case's name) and
rounded to their storage type before the answer is computed in float64; outputs hold the answer in their own type.
"""

from dataclasses import dataclass, field
from typing import Callable
import zlib

import ml_dtypes
import numpy as np

import triton_kernels as kernels

BF16 = np.dtype(ml_dtypes.bfloat16)
E4M3 = np.dtype(ml_dtypes.float8_e4m3fn)
E5M2 = np.dtype(ml_dtypes.float8_e5m2)
F16, F32, F64 = np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64)
I8, I32, I64 = np.dtype(np.int8), np.dtype(np.int32), np.dtype(np.int64)


@dataclass(frozen=True)
class Case:
    """A launch: arguments by parameter name (arrays are buffers), compile-time constants, and the buffers after it."""
    kernel: Callable
    arguments: dict
    constants: dict
    grid: tuple
    expected: dict
    tolerance: tuple = (0.0, 0.0)
    options: dict = field(default_factory=dict)


REGISTRY: dict[str, tuple[tuple[int, ...], tuple[int, ...], Callable[[int, np.random.Generator], Case]]] = {}


def case(name: str, *targets: int, also: tuple[int, ...] = ()):
    """Registers a case that is stored for the targets, and written with --all for the others, too."""
    def register(function):
        REGISTRY[name] = (targets, also, function)
        return function
    return register


def generate(name: str, target: int) -> Case:
    return REGISTRY[name][2](target, np.random.default_rng(zlib.crc32(name.encode())))


def cdiv(a: int, b: int) -> int:
    return -(-a // b)


def wide(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float64)


def normal(random, shape, dtype, scale=1.0) -> np.ndarray:
    return (random.standard_normal(shape) * scale).astype(np.float32).astype(dtype)


def padded(x: np.ndarray, columns: int) -> np.ndarray:
    """The matrix with rows `columns` elements apart; what lies between the rows is loud, so that nobody reads it."""
    out = np.full((x.shape[0], columns), 77, x.dtype)
    out[:, :x.shape[1]] = x
    return out


def untouched(shape, dtype) -> np.ndarray:
    return np.full(shape, 99, dtype)


def as_tf32(x: np.ndarray) -> np.ndarray:
    return (x.astype(np.float32).view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32)


# ---- matrix products ----

def product(target, random, dtype, out_dtype=F32, shape=(67, 72, 80), blocks=(64, 64, 32), transposed=False,
            precision="tf32", accumulator=None, tolerance=(1e-4, 1e-4), aligned=True, integer=False,
            **options):
    import triton.language as tl
    rows, columns, depth = shape
    draw = (lambda s: random.integers(-128, 128, s).astype(dtype)) if integer else (lambda s: normal(random, s, dtype))
    x, y = draw((rows, depth)), draw((depth, columns))
    if precision == "tf32" and dtype == F32:
        x, y = as_tf32(x), as_tf32(y)
    answer = wide(x) @ wide(y)
    gap = (lambda n: cdiv(n, 16) * 16) if aligned else (lambda n: n + 1)
    left = padded(x, gap(depth))
    right = padded(np.ascontiguousarray(y.T) if transposed else y, gap(depth if transposed else columns))
    out = untouched((rows, gap(columns)), out_dtype)
    after = out.copy()
    after[:, :columns] = answer.astype(out_dtype)
    constants = dict(BLOCK_M=blocks[0], BLOCK_N=blocks[1], BLOCK_K=blocks[2], TRANSPOSED_B=transposed,
                     ACCUMULATOR=accumulator or (tl.int32 if integer else tl.float32), PRECISION=precision)
    return Case(kernels.matmul,
                dict(a=left, b=right, c=out, M=rows, N=columns, K=depth, stride_a=left.shape[1],
                     stride_b=right.shape[1], stride_c=out.shape[1]),
                constants, (cdiv(rows, blocks[0]), cdiv(columns, blocks[1]), 1), dict(c=after), tolerance, options)


@case("matmul_bf16", 80, 90)
def matmul_bf16(target, random):
    return product(target, random, BF16, BF16, shape=(67, 40, 80), tolerance=(2e-2, 1e-2))


@case("matmul_bf16_ragged", 80, also=(90,))
def matmul_bf16_ragged(target, random):
    return product(target, random, BF16, F32, shape=(45, 37, 53), blocks=(64, 32, 32), aligned=False)


@case("matmul_bf16_large", 90, also=(80,))
def matmul_bf16_large(target, random):
    return product(target, random, BF16, BF16, shape=(130, 72, 80), blocks=(128, 64, 64), tolerance=(2e-2, 1e-2),
                   num_warps=8, num_stages=3)


@case("matmul_fp16", 80, 90)
def matmul_fp16(target, random):
    return product(target, random, F16, F16, transposed=True, shape=(67, 35, 80), tolerance=(1e-2, 2e-3))


@case("matmul_fp16_accumulated_in_fp16", 90, also=(80,))
def matmul_fp16_half(target, random):
    import triton.language as tl
    return product(target, random, F16, F16, accumulator=tl.float16, shape=(65, 40, 48), blocks=(64, 32, 16),
                   tolerance=(6e-2, 1e-2))


@case("matmul_tf32", 80, 90)
def matmul_tf32(target, random):
    return product(target, random, F32, F32, transposed=True, shape=(67, 35, 48))


@case("matmul_tf32_row_major", also=(80, 90))
def matmul_tf32_row_major(target, random):
    return product(target, random, F32, F32, shape=(34, 40, 48), blocks=(32, 32, 16))


@case("matmul_tf32_three_products", 80, also=(90,))
def matmul_tf32x3(target, random):
    return product(target, random, F32, F32, shape=(34, 33, 48), blocks=(32, 32, 16), transposed=True,
                   precision="tf32x3", tolerance=(2e-5, 2e-5))


@case("matmul_bf16_three_products", 80)
def matmul_bf16x3(target, random):
    return product(target, random, F32, F32, shape=(35, 33, 48), blocks=(32, 32, 16), precision="bf16x3",
                   tolerance=(1e-3, 1e-3))


@case("matmul_fp32", 80)
def matmul_fp32(target, random):
    return product(target, random, F32, F32, shape=(35, 33, 37), blocks=(32, 32, 16), precision="ieee",
                   aligned=False, tolerance=(1e-5, 1e-5))


@case("matmul_fp64", 80, also=(90,))
def matmul_fp64(target, random):
    import triton.language as tl
    return product(target, random, F64, F64, shape=(35, 19, 20), blocks=(32, 16, 16), precision="ieee",
                   accumulator=tl.float64, aligned=False, tolerance=(1e-12, 1e-12))


@case("matmul_int8", 80, 90)
def matmul_int8(target, random):
    return product(target, random, I8, I32, integer=True, transposed=True, shape=(67, 35, 80),
                   tolerance=(0.0, 0.0))


@case("matmul_int8_row_major", also=(80, 90))
def matmul_int8_row_major(target, random):
    return product(target, random, I8, I32, integer=True, shape=(65, 40, 64), tolerance=(0.0, 0.0))


@case("matmul_e4m3", 90, also=(89,))
def matmul_e4m3(target, random):
    return product(target, random, E4M3, F32, transposed=True, shape=(67, 35, 80), blocks=(64, 64, 64),
                   tolerance=(2e-2, 2e-3))


@case("matmul_e5m2", 80, 90, also=(89,))
def matmul_e5m2(target, random):
    return product(target, random, E5M2, BF16, transposed=True, shape=(66, 43, 80), blocks=(64, 64, 32),
                   tolerance=(5e-2, 1e-2))


@case("matmul_two_blocks_a_cluster", 90)
def matmul_cluster(target, random):
    return product(target, random, F16, F16, shape=(130, 40, 64), blocks=(128, 32, 32), tolerance=(1e-2, 2e-3),
                   num_ctas=2)


@case("matmul_dependent_launch", 90)
def matmul_dependent(target, random):
    return product(target, random, BF16, F32, shape=(66, 40, 48), blocks=(64, 32, 16), launch_pdl=True)


def described(random, dtype, out_dtype, shape, blocks, transposed, tolerance, kernel, constants, programs=None,
              **options):
    rows, columns, depth = shape
    x, y = normal(random, (rows, depth), dtype), normal(random, (depth, columns), dtype)
    if dtype == F32:
        x, y = as_tf32(x), as_tf32(y)
    gap = lambda n, d: cdiv(n * d.itemsize, 16) * 16 // d.itemsize
    left = padded(x, gap(depth, dtype))
    right = padded(np.ascontiguousarray(y.T) if transposed else y, gap(depth if transposed else columns, dtype))
    out = untouched((rows, gap(columns, out_dtype)), out_dtype)
    # A tensor store clips rows only at the next multiple of 16 bytes, and columns that b does not have were loaded as zeros.
    after = np.zeros_like(out)
    after[:, :columns] = (wide(x) @ wide(y)).astype(out_dtype)
    tiles = (cdiv(rows, blocks[0]), cdiv(columns, blocks[1]), 1)
    return Case(kernel,
                dict(a=left, b=right, c=out, M=rows, N=columns, K=depth, stride_a=left.shape[1],
                     stride_b=right.shape[1], stride_c=out.shape[1]),
                dict(BLOCK_M=blocks[0], BLOCK_N=blocks[1], BLOCK_K=blocks[2], **constants),
                (programs, 1, 1) if programs else tiles, dict(c=after), tolerance, options)


@case("matmul_tensor_maps_bf16", 90)
def matmul_tensor_maps_bf16(target, random):
    return described(random, BF16, BF16, (67, 72, 83), (64, 64, 32), False, (2e-2, 1e-2),
                     kernels.matmul_descriptors, dict(TRANSPOSED_B=False))


@case("matmul_tensor_maps_fp16_wide", 90)
def matmul_tensor_maps_fp16(target, random):
    return described(random, F16, F16, (130, 40, 83), (128, 32, 64), True, (1e-2, 2e-3),
                     kernels.matmul_descriptors, dict(TRANSPOSED_B=True), num_warps=8)


@case("matmul_tensor_maps_tf32", 90)
def matmul_tensor_maps_tf32(target, random):
    return described(random, F32, F32, (67, 35, 45), (64, 32, 16), True, (1e-4, 1e-4),
                     kernels.matmul_descriptors, dict(TRANSPOSED_B=True))


@case("matmul_tensor_maps_e4m3", 90)
def matmul_tensor_maps_e4m3(target, random):
    return described(random, E4M3, F16, (77, 50, 90), (64, 64, 64), True, (4e-2, 4e-3),
                     kernels.matmul_descriptors, dict(TRANSPOSED_B=True))


@case("matmul_persistent", 90)
def matmul_persistent(target, random):
    return described(random, BF16, BF16, (101, 43, 83), (64, 64, 32), True, (2e-2, 1e-2), kernels.matmul_persistent,
                     dict(PROGRAMS=2, FLATTEN=True, SPECIALISED=False), programs=2)


@case("matmul_specialised_warps", 90)
def matmul_specialised(target, random):
    return described(random, F16, F16, (101, 43, 83), (64, 64, 32), True, (1e-2, 2e-3), kernels.matmul_persistent,
                     dict(PROGRAMS=2, FLATTEN=False, SPECIALISED=True), programs=2)


@case("matmul_microscaled_e5m2", 90)
def microscaled(target, random):
    rows, columns, depth = 64, 32, 64
    a, b = normal(random, (rows, depth), E5M2), normal(random, (depth, columns), E5M2)
    a_scale = random.integers(122, 132, (rows, depth // 32)).astype(np.uint8)
    b_scale = random.integers(122, 132, (columns, depth // 32)).astype(np.uint8)
    left = wide(a) * np.repeat(2.0 ** (a_scale.astype(float) - 127), 32, 1)
    right = wide(b) * np.repeat(2.0 ** (b_scale.astype(float) - 127), 32, 1).T
    out = np.zeros((rows, columns), F32)
    return Case(kernels.scaled_dot, dict(a=a, a_scale=a_scale, b=b, b_scale=b_scale, out=out),
                dict(M=rows, N=columns, K=depth, A_FORMAT="e5m2", B_FORMAT="e5m2", A_PACK=1, B_PACK=1),
                (1, 1, 1), dict(out=(left @ right).astype(F32)), (1e-2, 1e-3))


@case("matmul_microscaled_e2m1", 90, also=(80,))
def microscaled_fp4(target, random):
    rows, columns, depth = 64, 32, 64
    values = np.array([0, .5, 1, 1.5, 2, 3, 4, 6, -0., -.5, -1, -1.5, -2, -3, -4, -6])
    a_codes = random.integers(0, 16, (rows, depth))
    a = (a_codes[:, 0::2] | a_codes[:, 1::2] << 4).astype(np.uint8)
    b = normal(random, (depth, columns), BF16)
    a_scale = random.integers(122, 132, (rows, depth // 32)).astype(np.uint8)
    b_scale = np.full((columns, depth // 32), 127, np.uint8)
    left = values[a_codes] * np.repeat(2.0 ** (a_scale.astype(float) - 127), 32, 1)
    out = np.zeros((rows, columns), F32)
    return Case(kernels.scaled_dot, dict(a=a, a_scale=a_scale, b=b, b_scale=b_scale, out=out),
                dict(M=rows, N=columns, K=depth, A_FORMAT="e2m1", B_FORMAT="bf16", A_PACK=2, B_PACK=1),
                (1, 1, 1), dict(out=(left @ wide(b)).astype(F32)), (1e-2, 1e-2))


# ---- attention ----

def attended(random, kernel, dtype, queries, keys, heads, head, causal, blocks, tolerance, constants=None, **options):
    stride = heads * head
    q, k, v = (normal(random, (n, stride), dtype) for n in (queries, keys, keys))
    scale = float(np.float32(head ** -0.5))
    answer = np.empty((queries, stride))
    for h in range(heads):
        part = slice(h * head, (h + 1) * head)
        scores = wide(q)[:, part] @ wide(k)[:, part].T * scale
        if causal:
            scores[np.arange(keys)[None, :] > np.arange(queries)[:, None]] = -np.inf
        weights = np.exp(scores - scores.max(1, keepdims=True))
        answer[:, part] = weights / weights.sum(1, keepdims=True) @ wide(v)[:, part]
    out = untouched((queries, stride), dtype)
    return Case(kernel, dict(q=q, k=k, v=v, out=out, scale=scale, queries=queries, keys=keys, stride=stride),
                dict(HEAD=head, BLOCK_M=blocks[0], BLOCK_N=blocks[1], CAUSAL=causal, **(constants or {})),
                (cdiv(queries, blocks[0]), heads, 1), dict(out=answer.astype(dtype)), tolerance, options)


@case("attention_full", 80, 90)
def attention_full(target, random):
    return attended(random, kernels.attention, BF16, 70, 77, 1, 64, False, (64, 32), (2e-2, 2e-2), num_warps=8)


@case("attention_full_head_128", 90, also=(80,))
def attention_wide(target, random):
    return attended(random, kernels.attention, F16, 33, 45, 1, 128, False, (64, 32), (4e-3, 4e-3))


@case("attention_causal", 80, 90)
def attention_causal(target, random):
    return attended(random, kernels.attention, F16, 71, 71, 2, 32, True, (64, 32), (4e-3, 4e-3))


@case("attention_one_row", 80)
def attention_one_row(target, random):
    return attended(random, kernels.attention, BF16, 1, 37, 1, 32, False, (16, 32), (2e-2, 2e-2))


@case("attention_fp32", 80)
def attention_fp32(target, random):
    return attended(random, kernels.attention, F32, 35, 37, 1, 32, True, (32, 32), (5e-3, 5e-3))


@case("attention_tensor_maps_full", 90)
def attention_descriptors(target, random):
    return attended(random, kernels.attention_descriptors, BF16, 70, 77, 1, 64, False, (64, 32), (2e-2, 2e-2),
                    dict(SPECIALISED=False))


@case("attention_tensor_maps_causal", 90)
def attention_descriptors_causal(target, random):
    return attended(random, kernels.attention_descriptors, F16, 131, 131, 1, 32, True, (128, 32), (4e-3, 4e-3),
                    dict(SPECIALISED=False), num_warps=8)


@case("attention_specialised_warps", 90)
def attention_specialised(target, random):
    return attended(random, kernels.attention_descriptors, F16, 67, 77, 1, 64, False, (64, 64), (4e-3, 4e-3),
                    dict(SPECIALISED=True))


# ---- rows ----

def normed(random, dtype, rows, width, block, tolerance, **options):
    x = normal(random, (rows, width), dtype, 3.0)
    weight, bias = normal(random, width, F32), normal(random, width, F32)
    epsilon = float(np.float32(1e-5))
    mean = wide(x).mean(1)
    rstd = 1 / np.sqrt(wide(x).var(1) + epsilon)
    answer = (wide(x) - mean[:, None]) * rstd[:, None] * wide(weight) + wide(bias)
    return Case(kernels.layer_norm,
                dict(x=x, weight=weight, bias=bias, out=untouched(x.shape, dtype), mean_out=untouched(rows, F32),
                     rstd_out=untouched(rows, F32), width=width, stride=width, epsilon=epsilon),
                dict(BLOCK=block), (rows, 1, 1),
                dict(out=answer.astype(dtype), mean_out=mean.astype(F32), rstd_out=rstd.astype(F32)),
                tolerance, options)


@case("layer_norm_fp32", 80, 90)
def layer_norm(target, random):
    return normed(random, F32, 5, 611, 256, (1e-5, 1e-5))


@case("layer_norm_bf16", also=(80, 90))
def layer_norm_bf16(target, random):
    return normed(random, BF16, 3, 416, 256, (1e-2, 1e-2), num_warps=8)


@case("softmax_fp32", 90, also=(80,))
def softmax(target, random):
    x = normal(random, (5, 523), F32, 8.0)
    powers = np.exp(wide(x) - wide(x).max(1, keepdims=True))
    return Case(kernels.softmax, dict(x=x, out=untouched(x.shape, F32), rows=5, width=523, stride=523),
                dict(BLOCK=1024), (2, 1, 1), dict(out=(powers / powers.sum(1, keepdims=True)).astype(F32)),
                (1e-6, 1e-5))


@case("softmax_fp16_one_row", 80)
def softmax_one_row(target, random):
    x = normal(random, (1, 48), F16, 5.0)
    powers = np.exp(wide(x) - wide(x).max(1, keepdims=True))
    return Case(kernels.softmax, dict(x=x, out=untouched(x.shape, F16), rows=1, width=48, stride=48),
                dict(BLOCK=64), (1, 1, 1), dict(out=(powers / powers.sum(1, keepdims=True)).astype(F16)),
                (1e-4, 2e-3), dict(num_warps=1))


# ---- counting and noise ----

@case("histogram_atomic", 80, also=(90,))
def histogram(target, random):
    n, bins = 3001, 37
    x = random.integers(-3, bins + 3, n).astype(I32)
    weights = normal(random, n, F32)
    inside = (x >= 0) & (x < bins)
    counts = np.bincount(x[inside], minlength=bins).astype(I32)
    sums = np.bincount(x[inside], wide(weights)[inside], minlength=bins).astype(F32)
    return Case(kernels.histogram_atomic,
                dict(x=x, counts=np.zeros(bins, I32), weights=weights, sums=np.zeros(bins, F32), n=n, bins=bins),
                dict(BLOCK=512), (cdiv(n, 512), 1, 1), dict(counts=counts, sums=sums), (1e-4, 1e-4))


@case("histogram_in_shared_memory", 90, also=(80,))
def histogram_shared(target, random):
    n, bins = 2801, 64
    x = random.integers(0, bins, n).astype(I32)
    return Case(kernels.histogram_block, dict(x=x, counts=np.zeros(bins, I32), n=n), dict(BLOCK=1024, BINS=bins),
                (cdiv(n, 1024), 1, 1), dict(counts=np.bincount(x, minlength=bins).astype(I32)))


def philox_words(seed: int, counters: np.ndarray) -> list[np.ndarray]:
    """Philox4x32-10 (Salmon et al., 2011), the counter in the first word."""
    mask = np.uint64(0xFFFFFFFF)
    c = [counters.astype(np.uint64)] + [np.zeros_like(counters, np.uint64) for _ in range(3)]
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        first, second = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [(second >> np.uint64(32)) ^ c[1] ^ np.uint64(k0), second & mask,
             (first >> np.uint64(32)) ^ c[3] ^ np.uint64(k1), first & mask]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return [w.astype(np.uint32) for w in c]


def uniform_of(words: np.ndarray) -> np.ndarray:
    signed = words.view(np.int32)
    return np.where(signed < 0, -1 - signed, signed).astype(F32) * np.float32(4.6566127342e-10)


@case("philox_noise", 90, also=(80,))
def philox(target, random):
    n, seed = 301, 0x1234567
    words = philox_words(seed, np.arange(n, dtype=np.uint32))
    uniforms = uniform_of(words[0])
    radius = np.sqrt(-2 * np.log(np.maximum(wide(uniforms), 1e-7)))
    normals = radius * np.cos(6.283185307179586 * wide(uniform_of(words[1])))
    flat = np.stack(words, 1).reshape(-1).view(I32)
    return Case(kernels.philox,
                dict(words=untouched(4 * n, I32), uniforms=untouched(n, F32), normals=untouched(n, F32), seed=seed, n=n),
                dict(BLOCK=256), (cdiv(n, 256), 1, 1),
                dict(words=flat, uniforms=uniforms, normals=normals.astype(F32)), (4e-6, 1e-5))


@case("philox_words", 80)
def philox_exact(target, random):
    n, seed = 301, 0x7FEDCBA9
    words = philox_words(seed, np.arange(n, dtype=np.uint32))
    return Case(kernels.philox_only, dict(words=untouched(4 * n, I32), uniforms=untouched(n, F32), seed=seed, n=n),
                dict(BLOCK=128), (cdiv(n, 128), 1, 1),
                dict(words=np.stack(words, 1).reshape(-1).view(I32), uniforms=uniform_of(words[0])))


# ---- functions, scans, conversions ----

@case("special_functions", 90, also=(80,))
def special(target, random):
    from math import erf, expm1, lgamma
    n = 100
    x, y = normal(random, n, F32, 2.5), normal(random, n, F32, 1.5)
    a, b = wide(x), wide(y)
    positive = wide(np.abs(x) + np.float32(0.25))
    each = lambda f, v: np.array([f(t) for t in v])
    answer = [np.exp(a), np.exp2(a), np.log(positive), np.log2(positive), np.sin(a), np.cos(a), np.sqrt(positive),
              1 / np.sqrt(positive), np.sqrt(positive), a / positive, a / positive, each(erf, a), np.tanh(a),
              positive ** b, np.floor(a), np.ceil(a), a * b + positive, 1 / (1 + np.exp(-a)), np.maximum(a, b),
              np.minimum(a, b), np.clip(a, -1, 1.5), each(expm1, a), np.log1p(positive), np.rint(a), np.trunc(a),
              np.copysign(positive, b), np.fmod(a, positive), np.arctan2(a, b), np.cbrt(positive),
              each(lgamma, positive), np.exp(a), a / positive, np.arcsin(a / (positive + 1)), np.sinh(a),
              np.copysign(np.floor(np.abs(a) + .5), a)]
    return Case(kernels.special_functions, dict(x=x, y=y, out=untouched((len(answer), n), F32), n=n), dict(BLOCK=128),
                (cdiv(n, 128), 1, 1), dict(out=np.stack(answer).astype(F32)), (3e-6, 2e-5))


@case("double_functions", 80)
def double(target, random):
    n = 77
    a = random.standard_normal(n) * 3
    positive = np.abs(a) + 0.25
    answer = [np.exp(a), np.log(positive), np.sin(a), np.sqrt(positive), a / positive, a * a + positive,
              1 / np.sqrt(positive), np.floor(a), np.tanh(a), np.maximum(a, .5) - np.minimum(a, -.5),
              wide(a.astype(F32)), np.trunc(a), np.trunc(a * 100)]
    return Case(kernels.double_functions, dict(x=a, out=untouched((len(answer), n), F64), n=n), dict(BLOCK=128),
                (1, 1, 1), dict(out=np.stack(answer)), (1e-12, 1e-12))


@case("scans", 80, also=(90,))
def scans(target, random):
    rows, width = 5, 53
    x = normal(random, (rows, width), F32)
    decay = random.uniform(0.5, 1.2, (rows, width)).astype(F32)
    a, d = wide(x), wide(decay)
    state = np.zeros((rows, width))
    for t in range(width):
        state[:, t] = d[:, t] * (state[:, t - 1] if t else 0) + a[:, t]
    block = 64
    flipped = np.zeros((rows, block))
    flipped[:, :width] = a
    flipped = flipped[:, ::-1][:, :width]
    answer = [np.cumsum(a, 1), np.cumsum(a[:, ::-1], 1)[:, ::-1], np.cumprod(d, 1), state, np.sort(a, 1), flipped]
    above = (a > 0).astype(I32)
    chosen = [np.argmax(a, 1), np.argmin(a, 1), np.argmax(a, 1), above.sum(1),
              np.bitwise_xor.reduce(np.arange(width) * above, 1)]
    return Case(kernels.scans,
                dict(x=x, decay=decay, out=untouched((6, rows, width), F32), chosen=untouched((5, rows), I32), rows=rows,
                     width=width),
                dict(BLOCK_M=4, BLOCK_N=block), (cdiv(rows, 4), 1, 1),
                dict(out=np.stack(answer).astype(F32), chosen=np.stack(chosen).astype(I32)), (2e-5, 2e-5))


def converted(random, source, target_type, values=None, kernel=None):
    n = 413
    x = np.concatenate([values if values is not None else np.array([], F32),
                        random.standard_normal(n).astype(F32) * np.exp2(random.uniform(-12, 7, n)).astype(F32)])[:n]
    x = np.clip(x.astype(F32), -440, 440) if E4M3 in (source, target_type) else x.astype(F32)
    x = x.astype(source)
    return Case(kernel or kernels.convert, dict(x=x, out=untouched(n, target_type), n=n), dict(BLOCK=128),
                (cdiv(n, 128), 1, 1), dict(out=wide(x).astype(F32).astype(target_type)))


# name: (from, to, targets stored)
CONVERSIONS = {
    "fp32_to_e4m3": (F32, E4M3, (90,)), "fp16_to_e4m3": (F16, E4M3, (90,)), "bf16_to_e4m3": (BF16, E4M3, (90,)),
    "fp32_to_e5m2": (F32, E5M2, (80, 90)), "fp16_to_e5m2": (F16, E5M2, (80, 90)), "bf16_to_e5m2": (BF16, E5M2, (80,)),
    "e4m3_to_fp32": (E4M3, F32, (90,)), "e4m3_to_fp16": (E4M3, F16, (90,)), "e4m3_to_bf16": (E4M3, BF16, (90,)),
    "e5m2_to_fp32": (E5M2, F32, (80, 90)), "e5m2_to_fp16": (E5M2, F16, (80, 90)), "e5m2_to_bf16": (E5M2, BF16, (80,)),
    "fp32_to_bf16": (F32, BF16, (80, 90)), "fp32_to_fp16": (F32, F16, (80,)), "fp16_to_bf16": (F16, BF16, (80, 90)),
    "bf16_to_fp16": (BF16, F16, (80,)), "bf16_to_fp32": (BF16, F32, (80,)),
}


def register_conversion(name, source, target_type, targets):
    specials = np.array([0.0, -0.0, 1.0, -1.0, 240.0, 2.0 ** -9, 2.0 ** -14, 2.0 ** -16, 2.0 ** -17, 1.0625, 1.1875],
                        F32)

    @case("convert_" + name, *targets, also=(90,) if 90 not in targets else (89,))
    def conversion(target, random):
        return converted(random, source, target_type, specials)


for _name, (_source, _target_type, _targets) in CONVERSIONS.items():
    register_conversion(_name, _source, _target_type, _targets)


@case("convert_fp32_to_bf16_toward_zero", 90)
def toward_zero(target, random):
    n = 200
    x = normal(random, n, F32, 10.0)
    cut = (x.view(np.uint32) & np.uint32(0xFFFF0000)).view(F32).astype(BF16)
    return Case(kernels.convert_toward_zero, dict(x=x, out=untouched(n, BF16), n=n), dict(BLOCK=128), (2, 1, 1),
                dict(out=cut))


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
