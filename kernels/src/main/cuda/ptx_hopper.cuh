// The inline PTX of sm_90a: asynchronous barriers, bulk tensor copies (TMA), warpgroup matrix products (wgmma) and
// register redistribution. Each function is one instruction or the shortest sequence that has a meaning; a kernel
// that uses them reads as an algorithm. Semantics: PTX ISA, "Asynchronous Warpgroup Level Matrix Instructions",
// "Data Movement and Conversion Instructions: cp.async.bulk.tensor", "Parallel Synchronization: mbarrier".
#pragma once

#include "types.cuh"

namespace hopper {

/** What cuTensorMapEncodeTiled fills; passed to a kernel as a __grid_constant__ parameter. */
struct alignas(64) TensorMap {
    uint8_t bytes[128];
};

__device__ __forceinline__ uint32_t shared_address(const void* pointer) {
    return static_cast<uint32_t>(__cvta_generic_to_shared(pointer));
}

// ---- arithmetic ----------------------------------------------------------------------------------------------------

__device__ __forceinline__ float exp2_approximate(const float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

// ---- asynchronous barriers -----------------------------------------------------------------------------------------

__device__ __forceinline__ void barrier_initialise(const uint32_t barrier, const uint32_t arrivals) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}

/** Makes initialised barriers visible to the asynchronous proxy. */
__device__ __forceinline__ void fence_barrier_initialisation() {
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

__device__ __forceinline__ void barrier_arrive(const uint32_t barrier) {
    asm volatile("mbarrier.arrive.release.cta.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}

/** Arrives and announces bytes that copies will bring before the phase completes. */
__device__ __forceinline__ void barrier_arrive_expect(const uint32_t barrier, const uint32_t bytes) {
    asm volatile("mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes)
                 : "memory");
}

/** Waits until the phase of this parity has completed. */
__device__ __forceinline__ void barrier_wait(const uint32_t barrier, const uint32_t parity) {
    uint32_t completed;
    do {
        asm volatile(
            "{\n"
            ".reg .pred complete;\n"
            "mbarrier.try_wait.parity.acquire.cta.shared::cta.b64 complete, [%1], %2;\n"
            "selp.u32 %0, 1, 0, complete;\n"
            "}"
            : "=r"(completed)
            : "r"(barrier), "r"(parity)
            : "memory");
    } while (completed == 0);
}

/** Waits for all threads that sync on this hardware barrier; threads must be the number that sync or arrive. */
__device__ __forceinline__ void named_barrier_sync(const uint32_t barrier, const uint32_t threads) {
    asm volatile("bar.sync %0, %1;" ::"r"(barrier), "r"(threads) : "memory");
}

__device__ __forceinline__ void named_barrier_arrive(const uint32_t barrier, const uint32_t threads) {
    asm volatile("bar.arrive %0, %1;" ::"r"(barrier), "r"(threads) : "memory");
}

// ---- matrices from shared memory -----------------------------------------------------------------------------------

/** Four 8 x 8 matrices of 16-bit elements, as the A operand of a product; lane i names row i % 8 of matrix i / 8. */
__device__ __forceinline__ void load_matrices(uint32_t* registers, const uint32_t address) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
                 : "r"(address)
                 : "memory");
}

// ---- bulk tensor copies --------------------------------------------------------------------------------------------

__device__ __forceinline__ void prefetch_tensor_map(const TensorMap& map) {
    asm volatile("prefetch.tensormap [%0];" ::"l"(&map) : "memory");
}

/** Copies the box at these coordinates (innermost first) to shared memory; its bytes count towards the barrier. */
__device__ __forceinline__ void load_box(const uint32_t destination, const TensorMap& map, const uint32_t barrier,
                                         const int c0, const int c1, const int c2, const int c3) {
    asm volatile(
        "cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
        "[%0], [%1, {%3, %4, %5, %6}], [%2];" ::"r"(destination),
        "l"(&map), "r"(barrier), "r"(c0), "r"(c1), "r"(c2), "r"(c3)
        : "memory");
}

/** The same box for all blocks of the cluster in the mask, at the same offset, counting towards each one's barrier. */
__device__ __forceinline__ void load_box_multicast(const uint32_t destination, const TensorMap& map,
                                                   const uint32_t barrier, const int c0, const int c1, const int c2,
                                                   const int c3, const uint16_t mask) {
    asm volatile(
        "cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes.multicast::cluster "
        "[%0], [%1, {%3, %4, %5, %6}], [%2], %7;" ::"r"(destination),
        "l"(&map), "r"(barrier), "r"(c0), "r"(c1), "r"(c2), "r"(c3), "h"(mask)
        : "memory");
}

// ---- clusters ------------------------------------------------------------------------------------------------------

/** Arrives at another block's barrier; tells that reads are over, publishes no writes. */
__device__ __forceinline__ void barrier_arrive_remote(const uint32_t barrier, const uint32_t rank) {
    asm volatile(
        "{\n"
        ".reg .b32 remote;\n"
        "mapa.shared::cluster.u32 remote, %0, %1;\n"
        "mbarrier.arrive.shared::cluster.b64 _, [remote];\n"
        "}" ::"r"(barrier),
        "r"(rank)
        : "memory");
}

__device__ __forceinline__ void cluster_sync() {
    asm volatile(
        "barrier.cluster.arrive.release.aligned;\n"
        "barrier.cluster.wait.acquire.aligned;" ::
            : "memory");
}

// ---- registers of a warpgroup --------------------------------------------------------------------------------------

template <int Registers>
__device__ __forceinline__ void registers_release() {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Registers));
}

template <int Registers>
__device__ __forceinline__ void registers_acquire() {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Registers));
}

// ---- warpgroup matrix products -------------------------------------------------------------------------------------

/** Orders earlier accesses to registers before the products that follow. */
__device__ __forceinline__ void wgmma_fence() {
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

__device__ __forceinline__ void wgmma_commit() {
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

/** Waits until at most this many of the newest groups are unfinished. */
template <int Pending>
__device__ __forceinline__ void wgmma_wait() {
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(Pending) : "memory");
}

/** Stops the compiler from moving computations on a product's registers above the wait that completes it. */
template <int Count>
__device__ __forceinline__ void hold(float (&registers)[Count]) {
#pragma unroll
    for (int i = 0; i < Count; i++) {
        asm volatile("" : "+f"(registers[i])::"memory");
    }
}

/**
 * Describes an operand in shared memory in rows of 128 bytes swizzled by 128 bytes, as load_box writes it.
 * For K-major operands (rows along M or N) only the group stride counts: eight rows, 1024 bytes. For MN-major operands
 * (rows along K) the panel stride leads from one 64-element panel of M or N to the next.
 */
__device__ __forceinline__ uint64_t operand(const uint32_t address, const uint32_t panel_stride) {
    const uint64_t swizzle_128_bytes = 1ull << 62;
    const uint64_t group_stride = 1024 >> 4;
    return swizzle_128_bytes | group_stride << 32 | static_cast<uint64_t>(panel_stride >> 4) << 16 |
           (address & 0x3FFFF) >> 4;
}

/** A 64 x Columns product accumulated over 16 in K; specialised per shape and element. */
template <class Element, int Columns>
struct Product;

#define WGMMA_NAMES_48 \
    "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
    "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, " \
    "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47"
#define WGMMA_NAMES_64 WGMMA_NAMES_48 ", " \
    "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define WGMMA_NAMES_72 WGMMA_NAMES_64 ", " \
    "%64, %65, %66, %67, %68, %69, %70, %71"
#define WGMMA_NAMES_80 WGMMA_NAMES_72 ", " \
    "%72, %73, %74, %75, %76, %77, %78, %79"
#define WGMMA_NAMES_88 WGMMA_NAMES_80 ", " \
    "%80, %81, %82, %83, %84, %85, %86, %87"

#define WGMMA_REGISTERS_8(d, i) \
    "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), \
    "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]), "+f"(d[i + 7])
#define WGMMA_REGISTERS_16(d, i) WGMMA_REGISTERS_8(d, i), WGMMA_REGISTERS_8(d, i + 8)
#define WGMMA_REGISTERS_48(d) WGMMA_REGISTERS_16(d, 0), WGMMA_REGISTERS_16(d, 16), WGMMA_REGISTERS_16(d, 32)
#define WGMMA_REGISTERS_64(d) WGMMA_REGISTERS_48(d), WGMMA_REGISTERS_16(d, 48)
#define WGMMA_REGISTERS_72(d) WGMMA_REGISTERS_64(d), WGMMA_REGISTERS_8(d, 64)
#define WGMMA_REGISTERS_80(d) WGMMA_REGISTERS_72(d), WGMMA_REGISTERS_8(d, 72)
#define WGMMA_REGISTERS_88(d) WGMMA_REGISTERS_80(d), WGMMA_REGISTERS_8(d, 80)

// registers: accumulators per thread; n0..n6: names of the operands after them
#define WGMMA_SHAPE(Element, type, columns, registers, n0, n1, n2, n3, n4, n5, n6)                                     \
    template <>                                                                                                        \
    struct Product<Element, columns> {                                                                                 \
        /* d = (accumulate ? d : 0) + a b, both K-major in shared memory */                                            \
        static __device__ __forceinline__ void from_shared(float (&d)[registers], const uint64_t a,                    \
                                                           const uint64_t b, const int accumulate) {                   \
            asm volatile(                                                                                              \
                "{\n.reg .pred p;\nsetp.ne.b32 p, " n2 ", 0;\n"                                                        \
                "wgmma.mma_async.sync.aligned.m64n" #columns "k16.f32." type "." type " {" WGMMA_NAMES_##registers     \
                "}, " n0 ", " n1 ", p, 1, 1, 0, 0;\n}"                                                                 \
                : WGMMA_REGISTERS_##registers(d)                                                                       \
                : "l"(a), "l"(b), "r"(accumulate));                                                                    \
        }                                                                                                              \
        /* d = (accumulate ? d : 0) + a b, a in registers, b in shared memory, MN-major or K-major */                  \
        template <bool MnMajor>                                                                                        \
        static __device__ __forceinline__ void from_registers(float (&d)[registers], const uint32_t* a,                \
                                                              const uint64_t b, const int accumulate) {                \
            asm volatile(                                                                                              \
                "{\n.reg .pred p;\nsetp.ne.b32 p, " n5 ", 0;\n"                                                        \
                "wgmma.mma_async.sync.aligned.m64n" #columns "k16.f32." type "." type " {" WGMMA_NAMES_##registers     \
                "}, {" n0 ", " n1 ", " n2 ", " n3 "}, " n4 ", p, 1, 1, " n6 ";\n}"                                     \
                : WGMMA_REGISTERS_##registers(d)                                                                       \
                : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(accumulate), "n"(MnMajor ? 1 : 0));          \
        }                                                                                                              \
    };

WGMMA_SHAPE(bf16, "bf16", 96, 48, "%48", "%49", "%50", "%51", "%52", "%53", "%54")
WGMMA_SHAPE(f16, "f16", 96, 48, "%48", "%49", "%50", "%51", "%52", "%53", "%54")
WGMMA_SHAPE(bf16, "bf16", 128, 64, "%64", "%65", "%66", "%67", "%68", "%69", "%70")
WGMMA_SHAPE(f16, "f16", 128, 64, "%64", "%65", "%66", "%67", "%68", "%69", "%70")
WGMMA_SHAPE(bf16, "bf16", 144, 72, "%72", "%73", "%74", "%75", "%76", "%77", "%78")
WGMMA_SHAPE(f16, "f16", 144, 72, "%72", "%73", "%74", "%75", "%76", "%77", "%78")
WGMMA_SHAPE(bf16, "bf16", 160, 80, "%80", "%81", "%82", "%83", "%84", "%85", "%86")
WGMMA_SHAPE(f16, "f16", 160, 80, "%80", "%81", "%82", "%83", "%84", "%85", "%86")
WGMMA_SHAPE(bf16, "bf16", 176, 88, "%88", "%89", "%90", "%91", "%92", "%93", "%94")
WGMMA_SHAPE(f16, "f16", 176, 88, "%88", "%89", "%90", "%91", "%92", "%93", "%94")

}  // namespace hopper
