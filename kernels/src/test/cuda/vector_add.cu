// Sum of two vectors, for tests of the launch layer.
//   out[i] = x[i] + y[i], i in [0, n); all F32, contiguous.
//   grid: ceil(n / block), block: any.
extern "C" __global__ void vector_add_f32(const float* x, const float* y, float* out, int n) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        out[i] = x[i] + y[i];
    }
}

// Writes where nobody may: to a null pointer.
extern "C" __global__ void stray_write_f32(float* out) {
    out[threadIdx.x] = 1.0f;
}

// Sums a block's values through dynamic shared memory of blockDim.x floats.
extern "C" __global__ void block_sum_f32(const float* x, float* out) {
    extern __shared__ float values[];
    values[threadIdx.x] = x[blockIdx.x * blockDim.x + threadIdx.x];
    __syncthreads();
    if (threadIdx.x == 0) {
        float sum = 0.0f;
        for (int i = 0; i < blockDim.x; i++) {
            sum += values[i];
        }
        out[blockIdx.x] = sum;
    }
}

// Keeps more values alive than 1024 threads of a block have registers for; y[i] = sum over j of x[i + 32 j] * x[j].
extern "C" __global__ void hungry_f32(const float* x, float* y) {
    constexpr int COUNT = 96;
    float values[COUNT];
#pragma unroll
    for (int j = 0; j < COUNT; j++) {
        values[j] = x[threadIdx.x + 32 * j];
    }
    __syncthreads();
    float sum = 0.0f;
#pragma unroll
    for (int j = 0; j < COUNT; j++) {
        sum += values[j] * x[j];
    }
    y[threadIdx.x] = sum;
}

// A parameter with the alignment of a tensor map behind one of four bytes: out[i] = parameter.bytes[i], i in [0, n).
struct alignas(64) AlignedBytes {
    unsigned char bytes[128];
};

extern "C" __global__ void parameter_bytes_u8(int n, const __grid_constant__ AlignedBytes parameter,
                                              unsigned char* out) {
    for (int i = threadIdx.x; i < n; i += blockDim.x) {
        out[i] = parameter.bytes[i];
    }
}
