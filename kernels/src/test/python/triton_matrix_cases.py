"""Cases of matrix products and attention."""

import numpy as np

from triton_case import (BF16, E4M3, E5M2, F16, F32, F64, I8, I32, Case, case, cdiv, wide, normal, padded, untouched,
                         as_tf32)
import triton_matrix_kernels as kernels


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
