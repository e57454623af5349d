// What happens to latents between the denoiser, the scheduler and the decoder, and to pixels after it.
//
//   guidance_step       c = u + s (cond - u), velocity = c |cond| / |c| with norms over each token (0 where |c| is 0);
//                       without an unconditional prediction velocity = cond;
//                       out = latents + dt velocity            QwenImagePipeline, FlowMatchEulerDiscreteScheduler
//   pack_latents        token (y, x), feature 4 c + 2 a + b of out = latents[c, 2y + a, 2x + b]      _pack_latents
//   unpack_latents      the inverse, to a picture with channels last: out[y, x, c] = packed * deviation[c] + mean[c],
//                       the form in which the decoder begins (deviation and mean null: unchanged)
//   pixels              out = round half even (255 clamp(x / 2 + 0.5, 0, 1)), NaN becomes 0    VaeImageProcessor
//
// Shapes: guidance_step: latents, cond, u, out [tokens, width]. Packed [height/2 * width/2, 4 channels], latents
// [channels, height, width], out of unpack_latents [height, width, channels]; height and width even. pixels: count
// elements one after the other.
// Types: latents and packed tokens are float throughout; predictions, the decoder's input and the pixels' source have
// the entry's type; deviation and mean are float [channels].
// dt is read on the device, so that one recorded step serves every step of a schedule.
// Alignment: of elements; four elements at a time where everything allows it.
// Launch: guidance_step: block = 128 threads, a group of lanes for each token (`lanes`, a power of two up to 32),
// grid = ceil(tokens lanes / 128). pack_latents: block = 256, grid = ceil(elements / 4 / 256), a thread takes the four
// values of one channel of one token; unpack_latents: of two tokens, so half the grid. pixels: block = 256,
// grid = ceil(count / 4 / 256).
// out of guidance_step may be latents.
#include "types.cuh"

constexpr int THREADS = 256;
constexpr int STEP_THREADS = 128;
// Channels of tokens that a thread unpacks.
constexpr int STEPS = 2;

// The lane's part of a token: its first access stays in registers between the two passes, others are read again.
template <int N, typename T>
__device__ __forceinline__ void guide(const float* latents, const T* conditional, const T* unconditional, float* out,
        const int64_t row, const int width, const int member, const int lanes, const bool works, const float scale,
        const float dt) {
    const int own = member * N;
    float factor = dt;
    float first[N] = {};
    if (own < width) {
        load(conditional + row + own, first);
    }
    if (unconditional != nullptr) {
        float wanted = 0;
        float actual = 0;
        for (int i = own; i < width; i += lanes * N) {
            float c[N];
            float u[N];
            if (i == own) {
#pragma unroll
                for (int j = 0; j < N; j++) {
                    c[j] = first[j];
                }
            } else {
                load(conditional + row + i, c);
            }
            load(unconditional + row + i, u);
#pragma unroll
            for (int j = 0; j < N; j++) {
                const float guided = fmaf(scale, c[j] - u[j], u[j]);
                wanted = fmaf(c[j], c[j], wanted);
                actual = fmaf(guided, guided, actual);
                first[j] = i == own ? guided : first[j];
            }
        }
        for (int distance = lanes / 2; distance > 0; distance /= 2) {
            wanted += __shfl_xor_sync(ALL_LANES, wanted, distance);
            actual += __shfl_xor_sync(ALL_LANES, actual, distance);
        }
        factor = actual == 0 ? 0.0f : dt * (sqrtf(wanted) / sqrtf(actual));
    }
    if (!works) {
        return;
    }
    for (int i = own; i < width; i += lanes * N) {
        float c[N];
        float x[N];
        load(latents + row + i, x);
        if (i == own) {
#pragma unroll
            for (int j = 0; j < N; j++) {
                c[j] = first[j];
            }
        } else {
            load(conditional + row + i, c);
            if (unconditional != nullptr) {
                float u[N];
                load(unconditional + row + i, u);
#pragma unroll
                for (int j = 0; j < N; j++) {
                    c[j] = fmaf(scale, c[j] - u[j], u[j]);
                }
            }
        }
#pragma unroll
        for (int j = 0; j < N; j++) {
            x[j] = fmaf(factor, c[j], x[j]);
        }
        store(out + row + i, x);
    }
}

template <typename T>
__device__ __forceinline__ void guidance_step(const float* latents, const T* conditional, const T* unconditional,
        float* out, const int tokens, const int width, const int lanes, const float scale, const float* dt) {
    constexpr int N = 4;
    const int64_t thread = static_cast<int64_t>(blockIdx.x) * STEP_THREADS + threadIdx.x;
    const int64_t wanted = thread / lanes;
    // Lanes beyond the last token take part in its sums, which lanes of the same group share.
    const int64_t token = wanted < tokens ? wanted : tokens - 1;
    const int member = static_cast<int>(thread % lanes);
    const bool aligned = width % N == 0 && is_aligned(latents, 16) && is_aligned(out, 16)
            && is_aligned(conditional, N * sizeof(T)) && is_aligned(unconditional, N * sizeof(T));
    if (aligned) {
        guide<N>(latents, conditional, unconditional, out, token * width, width, member, lanes, wanted < tokens, scale,
                *dt);
    } else {
        guide<1>(latents, conditional, unconditional, out, token * width, width, member, lanes, wanted < tokens, scale,
                *dt);
    }
}

// Where the four values of a channel of a token lie in the picture, by a linear index over (token, channel).
struct Patch {
    int channel;
    int y;
    int x;

    __device__ __forceinline__ Patch(const int64_t index, const int channels, const int patches_across) {
        channel = static_cast<int>(index % channels);
        const int64_t token = index / channels;
        y = static_cast<int>(token / patches_across) * 2;
        x = static_cast<int>(token % patches_across) * 2;
    }
};

extern "C" __global__ void __launch_bounds__(THREADS) pack_latents_f32(const float* latents, float* out,
        const int channels, const int height, const int width) {
    const int64_t index = static_cast<int64_t>(blockIdx.x) * THREADS + threadIdx.x;
    if (index >= static_cast<int64_t>(channels) * (height / 2) * (width / 2)) {
        return;
    }
    const Patch patch(index, channels, width / 2);
    const float* const from = latents + (static_cast<int64_t>(patch.channel) * height + patch.y) * width + patch.x;
    const float values[4] = {from[0], from[1], from[width], from[width + 1]};
    if (is_aligned(out, 16)) {
        store(out + index * 4, values);
    } else {
        for (int i = 0; i < 4; i++) {
            out[index * 4 + i] = values[i];
        }
    }
}

template <typename T>
__device__ __forceinline__ void unpack_latents(const float* packed, const float* deviation, const float* mean, T* out,
        const int channels, const int height, const int width) {
    const int64_t count = static_cast<int64_t>(channels) * (height / 2) * (width / 2);
    float factor = 1.0f;
    float offset = 0.0f;
    for (int step = 0; step < STEPS; step++) {
        const int64_t index = static_cast<int64_t>(blockIdx.x) * THREADS * STEPS + step * THREADS + threadIdx.x;
        if (index >= count) {
            return;
        }
        const Patch patch(index, channels, width / 2);
        // The channel of a thread stays the same if channels divide the block.
        if (deviation != nullptr && (step == 0 || THREADS % channels != 0)) {
            factor = deviation[patch.channel];
            offset = mean[patch.channel];
        }
        float values[4];
        if (is_aligned(packed, 16)) {
            load(packed + index * 4, values);
        } else {
            for (int i = 0; i < 4; i++) {
                values[i] = packed[index * 4 + i];
            }
        }
        for (int i = 0; i < 4; i++) {
            const int64_t pixel = static_cast<int64_t>(patch.y + i / 2) * width + patch.x + i % 2;
            out[pixel * channels + patch.channel] =
                    from_float<T>(deviation == nullptr ? values[i] : fmaf(values[i], factor, offset));
        }
    }
}

__device__ __forceinline__ uint32_t pixel(const float x) {
    // fminf and fmaxf return the number if the other is NaN: 0 here.
    const float unit = fminf(fmaxf(fmaf(x, 0.5f, 0.5f), 0.0f), 1.0f);
    return static_cast<uint32_t>(__float2int_rn(unit * 255.0f));
}

template <typename T> __device__ __forceinline__ void pixels(const T* x, uint8_t* out, const int64_t count) {
    const int64_t first = (static_cast<int64_t>(blockIdx.x) * THREADS + threadIdx.x) * 4;
    if (first + 4 <= count && is_aligned(x, 4 * sizeof(T)) && is_aligned(out, 4)) {
        float values[4];
        load(x + first, values);
        *reinterpret_cast<uint32_t*>(out + first) = pixel(values[0]) | pixel(values[1]) << 8 | pixel(values[2]) << 16
                | pixel(values[3]) << 24;
        return;
    }
    for (int64_t i = first; i < min(first + 4, count); i++) {
        out[i] = static_cast<uint8_t>(pixel(to_float(x[i])));
    }
}

#define ENTRIES(suffix, T) \
    extern "C" __global__ void __launch_bounds__(STEP_THREADS) guidance_step_##suffix(const float* latents, \
            const T* conditional, const T* unconditional, float* out, const int tokens, const int width, \
            const int lanes, const float scale, const float* dt) { \
        guidance_step<T>(latents, conditional, unconditional, out, tokens, width, lanes, scale, dt); \
    } \
    extern "C" __global__ void __launch_bounds__(THREADS) unpack_latents_##suffix(const float* packed, \
            const float* deviation, const float* mean, T* out, const int channels, const int height, \
            const int width) { \
        unpack_latents<T>(packed, deviation, mean, out, channels, height, width); \
    } \
    extern "C" __global__ void __launch_bounds__(THREADS) pixels_##suffix(const T* x, uint8_t* out, \
            const int64_t count) { \
        pixels<T>(x, out, count); \
    }

ENTRIES(bf16, bf16)
ENTRIES(f16, f16)
ENTRIES(f32, float)
