// Query-key norm and rotary position embedding, written straight into attention's layout.
//
//   n[l, h, :] = x[l, h, :] / sqrt(mean(x[l, h, :]^2) + eps) * weight      (weight null: n = x)
//   neighbours: (n[2i], n[2i+1]) rotated by angle (l, i)                   diffusers, apply_rotary_emb_qwen
//   halves:     (n[i], n[i + D/2]) rotated by angle (l, i)                 transformers, rotate_half
//   out = (a cos - b sin, b cos + a sin) for each pair (a, b)
//
//   qk_norm_rope              cosine and sine come as rows [tokens, D/2], float; null for no rotation
//   qk_norm_rope_multimodal   angle (l, i) = positions[axis(i), l] * frequencies[i], arXiv 2409.12191 section 2.1;
//                             axis(i) is 0, 1, 2 for the pairs of the three sections, one after the other, or
//                             interleaved: i mod 3 while i < 3 sections[i mod 3], else 0 (Qwen3-VL). Always halves.
//
//   qk_norm_rope_joint        queries, keys and values of two streams, of several sequences each, into the order of
//                             joint attention, in one launch: Table's angles on q and k, v as it is, or left where it
//                             is if null. Of even sequences come the tokens of the first stream, then of the second;
//                             of odd ones the other way round, so that the second stream's tokens of two sequences lie
//                             together. Their projections may lie in their places of the result already.
//
// Shapes: x [tokens, heads, D], tokens x_stride elements apart, heads D apart (so x may point into rows of a fused
// projection); out likewise with out_stride (so out may point to a row of a joint buffer). weight [D]; positions
// [3, tokens] with rows position_stride apart, int32; frequencies [D/2], float.
// Types: x, weight, out have the entry's type; norm and rotation are float, rounded once at the end.
// D is even. Heads of which half is a multiple of 16 bytes, at most 32 such accesses, and aligned: a group of lanes
// for each head, two accesses a lane, so that both members of every pair lie in one lane; cosine, sine and weight are
// read once for all heads of the warp. Others: a warp for each head, element by element.
// qk_norm_rope_joint: streams [tokens of the stream, heads, D] without gaps, out [3, tokens, heads, D]: queries, keys,
// values; weights and angles may be null; grid = (ceil(tokens heads_groups / 4), 2).
// Launch: block = 128 threads; grid = (ceil(tokens heads_groups / 4)); a warp takes heads_per_warp heads of a token,
// heads_groups = ceil(heads / heads_per_warp). out may be x.
#include "types.cuh"

constexpr int WARPS = 4;

enum Pairs { NEIGHBOURS = 0, HALVES = 1 };

// Angles as stored rows.
struct Table {
    const float* cosine;
    const float* sine;

    __device__ __forceinline__ bool present() const {
        return cosine != nullptr;
    }

    template <int N>
    __device__ __forceinline__ void angles(const int token, const int first, const int half, float (&c)[N],
            float (&s)[N]) const {
        const int64_t at = static_cast<int64_t>(token) * half + first;
        load(cosine + at, c);
        load(sine + at, s);
    }

    __device__ __forceinline__ bool aligned() const {
        return is_aligned(cosine, 16) && is_aligned(sine, 16);
    }
};

// Angles from positions on three axes.
struct Multimodal {
    const int* positions;
    const float* frequencies;
    int64_t position_stride;
    int section0;
    int section1;
    int section2;
    int interleaved;

    __device__ __forceinline__ bool present() const {
        return true;
    }

    __device__ __forceinline__ int axis(const int pair) const {
        if (interleaved) {
            const int candidate = pair % 3;
            const int section = candidate == 1 ? section1 : section2;
            return candidate != 0 && pair < 3 * section ? candidate : 0;
        }
        return pair < section0 ? 0 : pair < section0 + section1 ? 1 : 2;
    }

    template <int N>
    __device__ __forceinline__ void angles(const int token, const int first, const int half, float (&c)[N],
            float (&s)[N]) const {
#pragma unroll 1
        for (int i = 0; i < N; i++) {
            const int pair = first + i;
            const float position = static_cast<float>(positions[axis(pair) * position_stride + token]);
            const float angle = position * frequencies[pair];
            float sine;
            float cosine;
            sincosf(angle, &sine, &cosine);
            // The index is not known when the loop is not unrolled: selected without leaving registers.
#pragma unroll
            for (int j = 0; j < N; j++) {
                c[j] = i == j ? cosine : c[j];
                s[j] = i == j ? sine : s[j];
            }
        }
    }

    __device__ __forceinline__ bool aligned() const {
        return true;
    }
};

template <typename T> struct Heads {
    const T* x;
    const T* weight;
    T* out;
    int tokens;
    int heads;
    int width;
    int64_t x_stride;
    int64_t out_stride;
    int heads_per_warp;
    int pairs;
    float eps;
};

// Rotates N elements a by N elements b, pair by pair.
template <int N>
__device__ __forceinline__ void rotate_halves(float (&a)[N], float (&b)[N], const float (&c)[N],
        const float (&s)[N]) {
#pragma unroll
    for (int i = 0; i < N; i++) {
        const float first = a[i] * c[i] - b[i] * s[i];
        b[i] = b[i] * c[i] + a[i] * s[i];
        a[i] = first;
    }
}

template <int N>
__device__ __forceinline__ void rotate_neighbours(float (&a)[N], const float* c, const float* s) {
#pragma unroll
    for (int i = 0; i < N / 2; i++) {
        const float first = a[2 * i] * c[i] - a[2 * i + 1] * s[i];
        a[2 * i + 1] = a[2 * i + 1] * c[i] + a[2 * i] * s[i];
        a[2 * i] = first;
    }
}

template <typename T, typename Angles>
__device__ __forceinline__ void in_registers(const Heads<T>& a, const Angles& source, const int token,
        const int first_head, const int end_head) {
    constexpr int V = VECTOR<T>;
    const int half = a.width / 2;
    const int used = half / V;
    // Lanes of a head: the next power of two, of which `used` work.
    const int lanes = used <= 1 ? 1 : 1 << (32 - __clz(used - 1));
    const int lane = threadIdx.x % WARP;
    const int member = lane % lanes;
    const bool works = member < used;
    const int at = works ? member * V : 0;
    float c[V];
    float s[V];
    Packed<T, V> weight[2];
    const bool normed = a.weight != nullptr;
    const bool rotated = source.present();
    const bool halves = a.pairs == HALVES;
#pragma unroll
    for (int i = 0; i < V; i++) {
        c[i] = 1.0f;
        s[i] = 0.0f;
    }
    if (rotated && halves) {
        source.angles(token, at, half, c, s);
    } else if (rotated) {
        float c0[V / 2];
        float s0[V / 2];
        float c1[V / 2];
        float s1[V / 2];
        source.angles(token, at / 2, half, c0, s0);
        source.angles(token, (half + at) / 2, half, c1, s1);
#pragma unroll
        for (int i = 0; i < V / 2; i++) {
            c[i] = c0[i];
            s[i] = s0[i];
            c[V / 2 + i] = c1[i];
            s[V / 2 + i] = s1[i];
        }
    }
    if (normed) {
        weight[0].load(a.weight + at);
        weight[1].load(a.weight + half + at);
    } else {
        weight[0].zero();
        weight[1].zero();
    }
    const T* const row = a.x + token * a.x_stride;
    T* const target = a.out + token * a.out_stride;
    // All lanes stay together for the sums; those beyond the last head repeat it without storing.
#pragma unroll 2
    for (int base = first_head; base < end_head; base += WARP / lanes) {
        const int wanted = base + lane / lanes;
        const int head = min(wanted, end_head - 1);
        float low[V];
        float high[V];
        load(row + head * a.width + at, low);
        load(row + head * a.width + half + at, high);
        if (normed) {
            float sum = 0;
#pragma unroll
            for (int i = 0; i < V; i++) {
                sum = fmaf(low[i], low[i], sum);
                sum = fmaf(high[i], high[i], sum);
            }
            sum = works ? sum : 0.0f;
            for (int distance = lanes / 2; distance > 0; distance /= 2) {
                sum += __shfl_xor_sync(ALL_LANES, sum, distance);
            }
            const float scale = rsqrtf(sum / a.width + a.eps);
            float factor[2][V];
            weight[0].widen(factor[0]);
            weight[1].widen(factor[1]);
#pragma unroll
            for (int i = 0; i < V; i++) {
                low[i] *= scale * factor[0][i];
                high[i] *= scale * factor[1][i];
            }
        }
        if (halves) {
            rotate_halves(low, high, c, s);
        } else {
            rotate_neighbours(low, c, s);
            rotate_neighbours(high, c + V / 2, s + V / 2);
        }
        if (works && wanted < end_head) {
            store(target + head * a.width + at, low);
            store(target + head * a.width + half + at, high);
        }
    }
}

template <typename T, typename Angles>
__device__ __forceinline__ void element_by_element(const Heads<T>& a, const Angles& source, const int token,
        const int first_head, const int end_head) {
    const int half = a.width / 2;
#pragma unroll 1
    for (int head = first_head; head < end_head; head++) {
        const T* const x = a.x + token * a.x_stride + static_cast<int64_t>(head) * a.width;
        T* const out = a.out + token * a.out_stride + static_cast<int64_t>(head) * a.width;
        float scale = 1.0f;
        if (a.weight != nullptr) {
            float sum = 0;
#pragma unroll 1
            for (int i = threadIdx.x % WARP; i < a.width; i += WARP) {
                const float value = to_float(x[i]);
                sum = fmaf(value, value, sum);
            }
            scale = rsqrtf(warp_sum(sum) / a.width + a.eps);
        }
#pragma unroll 1
        for (int pair = threadIdx.x % WARP; pair < half; pair += WARP) {
            const int first = a.pairs == HALVES ? pair : 2 * pair;
            const int second = a.pairs == HALVES ? pair + half : 2 * pair + 1;
            float low[1] = {to_float(x[first]) * scale};
            float high[1] = {to_float(x[second]) * scale};
            float c[1] = {1.0f};
            float s[1] = {0.0f};
            if (a.weight != nullptr) {
                low[0] *= to_float(a.weight[first]);
                high[0] *= to_float(a.weight[second]);
            }
            if (source.present()) {
                source.angles(token, pair, half, c, s);
            }
            rotate_halves(low, high, c, s);
            out[first] = from_float<T>(low[0]);
            out[second] = from_float<T>(high[0]);
        }
    }
}

template <typename T, typename Angles>
__device__ __forceinline__ void norm_rope(const Heads<T>& a, const Angles& source) {
    constexpr int V = VECTOR<T>;
    const int groups = (a.heads + a.heads_per_warp - 1) / a.heads_per_warp;
    const int64_t warp = static_cast<int64_t>(blockIdx.x) * WARPS + threadIdx.x / WARP;
    const int64_t token = warp / groups;
    if (token >= a.tokens) {
        return;
    }
    const int first = static_cast<int>(warp % groups) * a.heads_per_warp;
    const int end = min(a.heads, first + a.heads_per_warp);
    const int half = a.width / 2;
    // Neighbours read half as many angles at a time, from an address that is a multiple of V / 2.
    const bool aligned = half % V == 0 && half <= WARP * V && a.x_stride % V == 0 && a.out_stride % V == 0
            && is_aligned(a.x, 16) && is_aligned(a.out, 16) && is_aligned(a.weight, 16) && source.aligned();
    if (aligned) {
        in_registers<T>(a, source, static_cast<int>(token), first, end);
    } else {
        element_by_element<T>(a, source, static_cast<int>(token), first, end);
    }
}

constexpr int MOST_SEQUENCES = 8;

// Where the sequences of both streams begin; entry [sequences] is the end of the last.
struct JointOrder {
    int sequences;
    int first[MOST_SEQUENCES + 1];
    int second[MOST_SEQUENCES + 1];
};

// One stream's projections, [tokens, heads, D] each, and what queries and keys get.
template <typename T> struct JointStream {
    const T* query;
    const T* key;
    const T* value;
    const T* query_weight;
    const T* key_weight;
    const float* cosine;
    const float* sine;
};

// The row of its stream that a token of the joint order is; `second` says which stream.
__device__ __forceinline__ int joint_row(const JointOrder& order, const int token, bool& second) {
    int row = 0;
#pragma unroll 1
    for (int i = 0; i < order.sequences; i++) {
        const int of_first = order.first[i + 1] - order.first[i];
        const int of_second = order.second[i + 1] - order.second[i];
        const int local = token - order.first[i] - order.second[i];
        if (local >= 0 && local < of_first + of_second) {
            second = i % 2 == 0 ? local >= of_first : local < of_second;
            const int skipped = second == (i % 2 == 0) ? (second ? of_first : of_second) : 0;
            row = (second ? order.second[i] : order.first[i]) + local - skipped;
        }
    }
    return row;
}

// Elements that follow one another, by a warp.
template <typename T>
__device__ __forceinline__ void move(const T* from, T* to, const int count, const bool aligned) {
    const int lane = threadIdx.x % WARP;
    if (aligned) {
        for (int i = lane; i < count / VECTOR<T>; i += WARP) {
            reinterpret_cast<uint4*>(to)[i] = reinterpret_cast<const uint4*>(from)[i];
        }
    } else {
        for (int i = lane; i < count; i += WARP) {
            to[i] = from[i];
        }
    }
}

// blockIdx.y: 0 for queries, 1 for keys and values.
template <typename T>
__device__ __forceinline__ void norm_rope_joint(const JointStream<T>& first, const JointStream<T>& second,
        const JointOrder& order, T* out, const int tokens, const int heads, const int width, const int heads_per_warp,
        const int pairs, const float eps) {
    constexpr int V = VECTOR<T>;
    const int groups = (heads + heads_per_warp - 1) / heads_per_warp;
    const int64_t warp = static_cast<int64_t>(blockIdx.x) * WARPS + threadIdx.x / WARP;
    const int64_t token = warp / groups;
    if (token >= tokens) {
        return;
    }
    const bool keys = blockIdx.y == 1;
    bool of_second = false;
    const int row = joint_row(order, static_cast<int>(token), of_second);
    const T* const x0 = keys ? first.key : first.query;
    const T* const x1 = keys ? second.key : second.query;
    const T* const w0 = keys ? first.key_weight : first.query_weight;
    const T* const w1 = keys ? second.key_weight : second.query_weight;
    const int64_t stride = static_cast<int64_t>(heads) * width;
    const int64_t part = tokens * stride;
    // Source, angles and result of a token lie in different rows: the result is moved so that one number names both.
    T* const moved = out + (keys ? part : 0) + (token - row) * stride;
    const Heads<T> a = {of_second ? x1 : x0, of_second ? w1 : w0, moved, tokens, heads, width, stride, stride,
            heads_per_warp, pairs, eps};
    const Table source = {of_second ? second.cosine : first.cosine, of_second ? second.sine : first.sine};
    const T* const value = of_second ? second.value : first.value;
    const int begin = static_cast<int>(warp % groups) * heads_per_warp;
    const int end = min(heads, begin + heads_per_warp);
    const int half = width / 2;
    const bool aligned = half % V == 0 && half <= WARP * V && stride % V == 0 && is_aligned(a.x, 16)
            && is_aligned(out, 16) && is_aligned(a.weight, 16) && is_aligned(value, 16) && source.aligned();
    if (keys && value != nullptr) {
        const int64_t at = row * stride + static_cast<int64_t>(begin) * width;
        move(value + at, moved + part + at, (end - begin) * width, aligned);
    }
    if (aligned) {
        in_registers<T>(a, source, row, begin, end);
    } else {
        element_by_element<T>(a, source, row, begin, end);
    }
}

#define ENTRIES(suffix, T) \
    extern "C" __global__ void __launch_bounds__(WARPS* WARP) qk_norm_rope_joint_##suffix( \
            const JointStream<T> first, const JointStream<T> second, const __grid_constant__ JointOrder order, T* out, \
            const int tokens, const int heads, const int width, const int heads_per_warp, const int pairs, \
            const float eps) { \
        norm_rope_joint<T>(first, second, order, out, tokens, heads, width, heads_per_warp, pairs, eps); \
    } \
    extern "C" __global__ void __launch_bounds__(WARPS* WARP) qk_norm_rope_##suffix(const T* x, const T* weight, \
            const float* cosine, const float* sine, T* out, const int tokens, const int heads, const int width, \
            const int64_t x_stride, const int64_t out_stride, const int heads_per_warp, const int pairs, \
            const float eps) { \
        norm_rope<T>({x, weight, out, tokens, heads, width, x_stride, out_stride, heads_per_warp, pairs, eps}, \
                Table{cosine, sine}); \
    } \
    extern "C" __global__ void __launch_bounds__(WARPS* WARP) qk_norm_rope_multimodal_##suffix(const T* x, \
            const T* weight, const int* positions, const float* frequencies, T* out, const int tokens, \
            const int heads, const int width, const int64_t x_stride, const int64_t out_stride, \
            const int heads_per_warp, const int64_t position_stride, const int section0, const int section1, \
            const int section2, const int interleaved, const float eps) { \
        norm_rope<T>({x, weight, out, tokens, heads, width, x_stride, out_stride, heads_per_warp, HALVES, eps}, \
                Multimodal{positions, frequencies, position_stride, section0, section1, section2, interleaved}); \
    }

ENTRIES(bf16, bf16)
ENTRIES(f16, f16)
ENTRIES(f32, float)
