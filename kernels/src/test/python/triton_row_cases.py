"""Cases of norms, counting, noise, functions, scans and conversions."""

import numpy as np

from triton_case import BF16, E4M3, E5M2, F16, F32, F64, I32, Case, case, cdiv, wide, normal, untouched
import triton_row_kernels as kernels


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
