// Ladder of channelnorm.cu, step 2: four lanes for each pixel hold it in registers; exponential and quotient in full
// precision.
//   channel_norm (with SiLU)   grid = ceil(pixels / (32 pixels_per_group)), block = 128, 96 channels
#include "types.cuh"

constexpr int THREADS = 128;
constexpr int CHUNKS = 3;
constexpr int LANES = 4;

extern "C" __global__ void __launch_bounds__(THREADS, 4) channel_norm_bf16(const bf16* x, const bf16* gamma, bf16* out,
        const int64_t pixels, const int pixels_per_group) {
    constexpr int V = VECTOR<bf16>;
    constexpr int CHANNELS = CHUNKS * V * LANES;
    constexpr int GROUPS = THREADS / LANES;
    const int member = threadIdx.x % LANES;
    const int64_t first = static_cast<int64_t>(blockIdx.x) * pixels_per_group * GROUPS + threadIdx.x / LANES;
    Packed<bf16, V> weight[CHUNKS];
#pragma unroll
    for (int j = 0; j < CHUNKS; j++) {
        weight[j].load(gamma + (member + j * LANES) * V);
    }
#pragma unroll 1
    for (int i = 0; i < pixels_per_group; i++) {
        const int64_t pixel = first + static_cast<int64_t>(i) * GROUPS;
        const bool works = pixel < pixels;
        Packed<bf16, V> values[CHUNKS];
        float sum = 0;
#pragma unroll
        for (int j = 0; j < CHUNKS; j++) {
            if (works) {
                values[j].load(x + pixel * CHANNELS + (member + j * LANES) * V);
            } else {
                values[j].zero();
            }
        }
#pragma unroll
        for (int j = 0; j < CHUNKS; j++) {
            float wide[V];
            values[j].widen(wide);
#pragma unroll
            for (int k = 0; k < V; k++) {
                sum = fmaf(wide[k], wide[k], sum);
            }
        }
        for (int distance = LANES / 2; distance > 0; distance /= 2) {
            sum += __shfl_xor_sync(ALL_LANES, sum, distance);
        }
        const float scale = sqrtf(static_cast<float>(CHANNELS)) / fmaxf(sqrtf(sum), 1e-12f);
#pragma unroll
        for (int j = 0; j < CHUNKS; j++) {
            if (works) {
                float wide[V];
                float multiplier[V];
                values[j].widen(wide);
                weight[j].widen(multiplier);
#pragma unroll
                for (int k = 0; k < V; k++) {
                    wide[k] = wide[k] * scale * multiplier[k];
                    const float result = wide[k] / (1.0f + expf(-wide[k]));
                    wide[k] = wide[k] < -100.0f ? -0.0f : result;
                }
                store(out + pixel * CHANNELS + (member + j * LANES) * V, wide);
            }
        }
    }
}
