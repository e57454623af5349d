// Every inline PTX primitive of the kernels, one function each, so that a kernel reads as an algorithm.
// Names follow the instructions; layouts of fragments are those of the PTX ISA ("Warp-level
// matrix instructions").
#pragma once

#include "types.cuh"

// ---- addresses and shared memory -----------------------------------------------------------------------------------

/** Address of a generic pointer into shared memory, as the 32-bit instructions take it. */
__device__ __forceinline__ unsigned shared_address(const void* pointer) {
    return static_cast<unsigned>(__cvta_generic_to_shared(pointer));
}

/** Address of a pointer into global memory; the compiler sees where it is used, not what it is made of. */
__device__ __forceinline__ unsigned long long global_address(const void* pointer) {
    unsigned long long address;
    asm("cvta.to.global.u64 %0, %1;" : "=l"(address) : "l"(pointer));
    return address;
}

/** The same value, computed once and kept: the compiler would rather compute it again at each use. */
__device__ __forceinline__ unsigned kept(const unsigned value) {
    unsigned same;
    asm volatile("mov.b32 %0, %1;" : "=r"(same) : "r"(value));
    return same;
}

/** A value that another block may have written during this launch: read past L1. */
__device__ __forceinline__ float load_from_l2(const float* pointer) {
    float value;
    asm volatile("ld.global.cg.f32 %0, [%1];" : "=f"(value) : "l"(__cvta_generic_to_global(pointer)) : "memory");
    return value;
}

__device__ __forceinline__ void shared_store(const unsigned address, const unsigned value) {
    asm volatile("st.shared.b32 [%0], %1;" :: "r"(address), "r"(value) : "memory");
}

__device__ __forceinline__ uint4 shared_load_16_bytes(const unsigned address) {
    uint4 value;
    asm volatile("ld.shared.v4.b32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(value.x), "=r"(value.y), "=r"(value.z), "=r"(value.w) : "r"(address) : "memory");
    return value;
}

// ---- asynchronous copies to shared memory, sm_80 and up ------------------------------------------------------------

/** Copies 16 bytes past L1; of the source only the first `bytes` are read (0 or 16), the rest becomes zero. */
__device__ __forceinline__ void copy_async_16(const unsigned shared, const unsigned long long global,
                                              const int bytes) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" :: "r"(shared), "l"(global), "r"(bytes) : "memory");
}

/** Closes the group of the copies that this thread has started since the last call. */
__device__ __forceinline__ void copy_async_commit() {
    asm volatile("cp.async.commit_group;" ::: "memory");
}

/** Waits until at most the PENDING youngest groups of this thread are under way. */
template <int PENDING>
__device__ __forceinline__ void copy_async_wait() {
    asm volatile("cp.async.wait_group %0;" :: "n"(PENDING) : "memory");
}

// ---- matrix fragments, sm_80 and up --------------------------------------------------------------------------------

/** Four 8x8 matrices of 16-bit elements; lane i gives the address of row i % 8 of matrix i / 8. */
__device__ __forceinline__ void load_matrices(unsigned (&fragment)[4], const unsigned address) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(fragment[0]), "=r"(fragment[1]), "=r"(fragment[2]), "=r"(fragment[3]) : "r"(address));
}

/** The same, each matrix transposed. */
__device__ __forceinline__ void load_matrices_transposed(unsigned (&fragment)[4], const unsigned address) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(fragment[0]), "=r"(fragment[1]), "=r"(fragment[2]), "=r"(fragment[3]) : "r"(address));
}

/** d = a b + c with a 16x16 row-major, b 16x8 column-major, c and d 16x8 in F32; c may be d. */
template <typename T>
__device__ __forceinline__ void multiply_add(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1,
                                             const float (&c)[4]);

template <>
__device__ __forceinline__ void multiply_add<bf16>(float (&d)[4], const unsigned (&a)[4], const unsigned b0,
                                                   const unsigned b1, const float (&c)[4]) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%10, %11, %12, %13};"
        : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1), "f"(c[0]), "f"(c[1]), "f"(c[2]), "f"(c[3]));
}

template <>
__device__ __forceinline__ void multiply_add<f16>(float (&d)[4], const unsigned (&a)[4], const unsigned b0,
                                                  const unsigned b1, const float (&c)[4]) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%10, %11, %12, %13};"
        : "=f"(d[0]), "=f"(d[1]), "=f"(d[2]), "=f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1), "f"(c[0]), "f"(c[1]), "f"(c[2]), "f"(c[3]));
}

// ---- arithmetic ----------------------------------------------------------------------------------------------------

/** 2^x within 2 units in the last place; -infinity gives 0. */
__device__ __forceinline__ float exp2_approximate(const float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}
