// Norms over rows, with what follows them, in one pass over memory.
//
//   rms_norm              out = x / sqrt(mean(x^2) + eps) * weight                                  arXiv 1910.07467
//   layer_norm            out = (x - mean) / sqrt(var + eps) * weight + bias                        arXiv 1607.06450
//   ada_layer_norm        out = (x - mean) / sqrt(var + eps) * (1 + scale) + shift                  arXiv 2212.09748
//   gated_add             sum = residual + gate * x
//   gated_add_ada_layer_norm   sum as above (rounded to its type), then out = ada_layer_norm(sum); of several spans of
//                              rows, which have operands of their own, in one launch
//
// Shapes: x, residual, sum, out [rows, width]; weight, bias, scale, shift, gate [width]. Elements of a row follow one
// another; rows of x lie x_stride elements apart (width in spans), those of all results and of the residual width
// elements.
// Types: all operands have the entry's type; sums, means and variances are float. The variance is the mean square of
// the differences from the mean (a second pass over registers), so large means cost no digits.
// Alignment: of elements. Rows whose addresses, width and stride are multiples of 16 bytes, and which fit into the
// registers of a team (CHUNKS accesses of 16 bytes a thread), are read once; others element by element.
// Launch: a block is one or more teams of team_threads threads (a multiple of 32 up to 256; best is the fewest that
// keep a row in registers), up to 384 threads and 15 teams; block b takes the rows from b rows_per_block on, its teams
// in turn; grid = ceil(rows / rows_per_block), of spans the sum of theirs. Several teams cover the latency of each other's rows; what is common to
// all rows is read once a block.
// Shared memory: 128 bytes static; dynamic, for rows in registers, the vectors [width] of the operation.
// A result may be x itself: each thread reads its elements of a row before it writes them.
#include "team.cuh"

constexpr int MAX_THREADS = 384;
constexpr int MAX_WARPS = MAX_THREADS / WARP;
// Accesses of a row that a thread keeps in registers.
constexpr int CHUNKS = 4;

enum class Norm { NOTHING, RMS, AFFINE, MODULATED };

template <typename T> struct RowNorm {
    const T* x;
    const T* residual;
    const T* gate;
    const T* multiplier;
    const T* addend;
    T* sum;
    T* out;
    int rows;
    int width;
    int64_t x_stride;
    int rows_per_block;
    int team_threads;
    float eps;
    int first_block;
};

// Rows with operands of their own.
template <typename T> struct Span {
    const T* residual;
    const T* x;
    const T* gate;
    const T* shift;
    const T* scale;
    T* sum;
    T* out;
    int64_t rows;
};

constexpr int MOST_SPANS = 8;

template <typename T> struct Spans {
    Span<T> span[MOST_SPANS];
};

using RowTeam = Team<MAX_WARPS>;

// A row of operands in registers, member t of the team holding the accesses t, t + threads, ...
template <typename T> struct Row {
    Packed<T, VECTOR<T>> kept[CHUNKS];

    __device__ __forceinline__ void load(const T* row, const int count, const RowTeam& team) {
#pragma unroll
        for (int j = 0; j < CHUNKS; j++) {
            const int chunk = team.member + j * team.threads;
            if (chunk < count) {
                kept[j].load(row + chunk * VECTOR<T>);
            } else {
                kept[j].zero();
            }
        }
    }
};

// Copies a vector that all rows need into shared memory, by the whole block.
template <typename T> __device__ __forceinline__ void share(T* to, const T* from, const int count) {
    for (int chunk = threadIdx.x; chunk < count; chunk += blockDim.x) {
        reinterpret_cast<uint4*>(to)[chunk] = reinterpret_cast<const uint4*>(from)[chunk];
    }
}

template <typename T, int V>
__device__ __forceinline__ Packed<T, V> gated_sum(const Packed<T, V>& x, const Packed<T, V>& residual,
        const Packed<T, V>& gate) {
    float values[V];
    float base[V];
    float factor[V];
    x.widen(values);
    residual.widen(base);
    gate.widen(factor);
#pragma unroll
    for (int i = 0; i < V; i++) {
        values[i] = fmaf(factor[i], values[i], base[i]);
    }
    Packed<T, V> result;
    result.narrow(values);
    return result;
}

template <typename T, int V, Norm NORM>
__device__ __forceinline__ Packed<T, V> finished(const Packed<T, V>& x, const Packed<T, V>& multiplier,
        const Packed<T, V>& addend, const float mean, const float scale) {
    float values[V];
    float factor[V];
    float offset[V];
    x.widen(values);
    multiplier.widen(factor);
    if constexpr (NORM == Norm::RMS) {
#pragma unroll
        for (int i = 0; i < V; i++) {
            values[i] = values[i] * scale * factor[i];
        }
    } else {
        addend.widen(offset);
#pragma unroll
        for (int i = 0; i < V; i++) {
            values[i] = fmaf((values[i] - mean) * scale, NORM == Norm::MODULATED ? 1.0f + factor[i] : factor[i],
                    offset[i]);
        }
    }
    Packed<T, V> result;
    result.narrow(values);
    return result;
}

template <typename T, int V> __device__ __forceinline__ float total(const Packed<T, V>& x) {
    float values[V];
    x.widen(values);
    float sum = 0;
#pragma unroll
    for (int i = 0; i < V; i++) {
        sum += values[i];
    }
    return sum;
}

template <typename T, int V> __device__ __forceinline__ float squares(const Packed<T, V>& x, const float mean) {
    float values[V];
    x.widen(values);
    float sum = 0;
#pragma unroll
    for (int i = 0; i < V; i++) {
        const float difference = values[i] - mean;
        sum = fmaf(difference, difference, sum);
    }
    return sum;
}

// Rows that fit into the registers of a team, by accesses of 16 bytes.
template <typename T, Norm NORM, bool GATED>
__device__ __forceinline__ void in_registers(const RowNorm<T>& a, const RowTeam& team) {
    constexpr int V = VECTOR<T>;
    extern __shared__ uint4 vectors[];
    T* const multiplier = reinterpret_cast<T*>(vectors);
    T* const addend = multiplier + (NORM == Norm::NOTHING ? 0 : a.width);
    T* const gate = addend + (NORM == Norm::AFFINE || NORM == Norm::MODULATED ? a.width : 0);
    const int count = a.width / V;
    const int block = static_cast<int>(blockIdx.x) - a.first_block;
    const int end_row = min(a.rows, (block + 1) * a.rows_per_block);
    int64_t row = block * a.rows_per_block + team.index;
    Row<T> x;
    Row<T> residual;
    // Under way while the vectors come.
    if (row < end_row) {
        x.load(a.x + row * a.x_stride, count, team);
        if constexpr (GATED) {
            residual.load(a.residual + row * a.width, count, team);
        }
    }
    if constexpr (NORM != Norm::NOTHING) {
        share(multiplier, a.multiplier, count);
    }
    if constexpr (NORM == Norm::AFFINE || NORM == Norm::MODULATED) {
        share(addend, a.addend, count);
    }
    if constexpr (GATED) {
        share(gate, a.gate, count);
    }
    __syncthreads();
#pragma unroll 1
    for (int turn = 0; row < end_row; turn ^= 1) {
        if constexpr (GATED) {
#pragma unroll
            for (int j = 0; j < CHUNKS; j++) {
                const int chunk = team.member + j * team.threads;
                if (chunk < count) {
                    Packed<T, V> factor;
                    factor.load(gate + chunk * V);
                    x.kept[j] = gated_sum<T, V>(x.kept[j], residual.kept[j], factor);
                    x.kept[j].store(a.sum + row * a.width + chunk * V);
                }
            }
        }
        if constexpr (NORM != Norm::NOTHING) {
            // Chunks beyond the row are zero. Sums with one number are written anew only after another barrier.
            float mean = 0;
            float sum = 0;
            if constexpr (NORM != Norm::RMS) {
#pragma unroll
                for (int j = 0; j < CHUNKS; j++) {
                    sum += total<T, V>(x.kept[j]);
                }
                mean = team.sum(sum, 0) / a.width;
                sum = 0;
            }
#pragma unroll
            for (int j = 0; j < CHUNKS; j++) {
                if (team.member + j * team.threads < count) {
                    sum += squares<T, V>(x.kept[j], mean);
                }
            }
            const float scale = rsqrtf(team.sum(sum, NORM == Norm::RMS ? turn : 1) / a.width + a.eps);
#pragma unroll
            for (int j = 0; j < CHUNKS; j++) {
                const int chunk = team.member + j * team.threads;
                if (chunk < count) {
                    Packed<T, V> factor;
                    Packed<T, V> offset;
                    factor.load(multiplier + chunk * V);
                    if constexpr (NORM != Norm::RMS) {
                        offset.load(addend + chunk * V);
                    }
                    finished<T, V, NORM>(x.kept[j], factor, offset, mean, scale)
                            .store(a.out + row * a.width + chunk * V);
                }
            }
        }
        row += team.count;
        if (row < end_row) {
            x.load(a.x + row * a.x_stride, count, team);
            if constexpr (GATED) {
                residual.load(a.residual + row * a.width, count, team);
            }
        }
    }
}

// Any row, element by element, read again from the cache in each pass. Loops are not unrolled: this is the way for
// shapes that no published model has.
template <typename T, Norm NORM, bool GATED>
__device__ __forceinline__ void element_by_element(const RowNorm<T>& a, const RowTeam& team) {
    const int block = static_cast<int>(blockIdx.x) - a.first_block;
    const int end_row = min(a.rows, (block + 1) * a.rows_per_block);
    int turn = 0;
#pragma unroll 1
    for (int64_t row = block * a.rows_per_block + team.index; row < end_row; row += team.count) {
        const T* const x = GATED ? a.sum + row * a.width : a.x + row * a.x_stride;
        if constexpr (GATED) {
#pragma unroll 1
            for (int i = team.member; i < a.width; i += team.threads) {
                Packed<T, 1> value;
                Packed<T, 1> base;
                Packed<T, 1> factor;
                value.load(a.x + row * a.x_stride + i);
                base.load(a.residual + row * a.width + i);
                factor.load(a.gate + i);
                gated_sum<T, 1>(value, base, factor).store(a.sum + row * a.width + i);
            }
        }
        if constexpr (NORM != Norm::NOTHING) {
            float mean = 0;
            float sum = 0;
            if constexpr (NORM != Norm::RMS) {
#pragma unroll 1
                for (int i = team.member; i < a.width; i += team.threads) {
                    sum += to_float(x[i]);
                }
                mean = team.sum(sum, 0) / a.width;
                sum = 0;
            }
#pragma unroll 1
            for (int i = team.member; i < a.width; i += team.threads) {
                const float difference = to_float(x[i]) - mean;
                sum = fmaf(difference, difference, sum);
            }
            const float scale = rsqrtf(team.sum(sum, NORM == Norm::RMS ? turn : 1) / a.width + a.eps);
#pragma unroll 1
            for (int i = team.member; i < a.width; i += team.threads) {
                Packed<T, 1> value;
                Packed<T, 1> factor;
                Packed<T, 1> offset;
                value.load(x + i);
                factor.load(a.multiplier + i);
                if constexpr (NORM != Norm::RMS) {
                    offset.load(a.addend + i);
                }
                finished<T, 1, NORM>(value, factor, offset, mean, scale).store(a.out + row * a.width + i);
            }
        }
        turn ^= 1;
    }
}

// Absent operands are null, which is aligned.
template <typename T, Norm NORM, bool GATED> __device__ __forceinline__ void normalise(const RowNorm<T>& a) {
    __shared__ float partial[2][MAX_WARPS];
    const RowTeam team(a.team_threads, partial);
    constexpr int V = VECTOR<T>;
    const bool aligned = a.width % V == 0 && a.x_stride % V == 0 && is_aligned(a.x, 16) && is_aligned(a.residual, 16)
            && is_aligned(a.gate, 16) && is_aligned(a.multiplier, 16) && is_aligned(a.addend, 16)
            && is_aligned(a.sum, 16) && is_aligned(a.out, 16);
    if (aligned && a.width <= CHUNKS * V * team.threads) {
        in_registers<T, NORM, GATED>(a, team);
    } else {
        element_by_element<T, NORM, GATED>(a, team);
    }
}

// The span that a block has rows of. Parameters are read by constant indices only, which keeps them where they are.
template <typename T>
__device__ __forceinline__ void gated_spans(const Spans<T>& spans, const int width, const int rows_per_block,
        const int team_threads, const float eps) {
    Span<T> mine = spans.span[0];
    int first_block = 0;
    int end = 0;
#pragma unroll
    for (int i = 0; i < MOST_SPANS; i++) {
        const int begin = end;
        end += (static_cast<int>(spans.span[i].rows) + rows_per_block - 1) / rows_per_block;
        if (static_cast<int>(blockIdx.x) >= begin && static_cast<int>(blockIdx.x) < end) {
            mine = spans.span[i];
            first_block = begin;
        }
    }
    normalise<T, Norm::MODULATED, true>({mine.x, mine.residual, mine.gate, mine.scale, mine.shift, mine.sum, mine.out,
            static_cast<int>(mine.rows), width, width, rows_per_block, team_threads, eps, first_block});
}

// Blocks of the fused operation on a multiprocessor; for Blackwell the assembler would spill to get two.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 1000
constexpr int FUSED_BLOCKS = 1;
#else
constexpr int FUSED_BLOCKS = 2;
#endif

// How every entry gets its rows.
#define ROW_PARAMETERS \
    const int rows, const int width, const int64_t x_stride, const int rows_per_block, const int team_threads
#define ROW_ARGUMENTS rows, width, x_stride, rows_per_block, team_threads

#define ENTRIES(suffix, T) \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS, 2) rms_norm_##suffix(const T* x, const T* weight, \
            T* out, ROW_PARAMETERS, const float eps) { \
        normalise<T, Norm::RMS, false>({x, nullptr, nullptr, weight, nullptr, nullptr, out, ROW_ARGUMENTS, eps}); \
    } \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS, 2) layer_norm_##suffix(const T* x, const T* weight, \
            const T* bias, T* out, ROW_PARAMETERS, const float eps) { \
        normalise<T, Norm::AFFINE, false>({x, nullptr, nullptr, weight, bias, nullptr, out, ROW_ARGUMENTS, eps}); \
    } \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS, 2) ada_layer_norm_##suffix(const T* x, const T* shift, \
            const T* scale, T* out, ROW_PARAMETERS, const float eps) { \
        normalise<T, Norm::MODULATED, false>({x, nullptr, nullptr, scale, shift, nullptr, out, ROW_ARGUMENTS, eps}); \
    } \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS, 2) gated_add_##suffix(const T* residual, const T* x, \
            const T* gate, T* sum, ROW_PARAMETERS) { \
        normalise<T, Norm::NOTHING, true>({x, residual, gate, nullptr, nullptr, sum, nullptr, ROW_ARGUMENTS, 0}); \
    } \
    extern "C" __global__ void __launch_bounds__(MAX_THREADS, FUSED_BLOCKS) \
            gated_add_ada_layer_norm_##suffix(const __grid_constant__ Spans<T> spans, const int width, \
            const int rows_per_block, const int team_threads, const float eps) { \
        gated_spans<T>(spans, width, rows_per_block, team_threads, eps); \
    }

ENTRIES(bf16, bf16)
ENTRIES(f16, f16)
ENTRIES(f32, float)
