// Ladder of sampling.cu, step 1: one block goes through the whole vocabulary, once for each digit of the boundaries of
// top-k and top-p. The steps of the computation are those of sampling.cu.
//   argmax, sample   grid = 1, block = 512
#include "types.cuh"

constexpr int THREADS = 512;
constexpr int WARPS = THREADS / WARP;
constexpr int RADIX_BITS = 8;
constexpr int BINS = 1 << RADIX_BITS;
constexpr float FIXED_POINT = 1099511627776.0f;

// Numbers whose unsigned order is that of floats; -0 and 0 are one, NaN is below all.
__device__ __forceinline__ uint32_t order_of(const float x) {
    if (x != x) {
        return 0;
    }
    const uint32_t bits = __float_as_uint(x + 0.0f);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

__device__ __forceinline__ float of_order(const uint32_t order) {
    return __uint_as_float(order & 0x80000000u ? order & 0x7fffffffu : ~order);
}

__device__ __forceinline__ float penalised(const float logit, const uint32_t* seen, const int token,
        const float penalty) {
    if (seen == nullptr || penalty == 1.0f || (seen[token / 32] >> token % 32 & 1) == 0) {
        return logit;
    }
    return logit > 0 ? __fdiv_rn(logit, penalty) : logit * penalty;
}

__device__ __forceinline__ uint64_t warp_add(uint64_t value) {
    for (int distance = WARP / 2; distance > 0; distance /= 2) {
        value += __shfl_xor_sync(ALL_LANES, value, distance);
    }
    return value;
}

__device__ __forceinline__ uint64_t warp_max(uint64_t value) {
    for (int distance = WARP / 2; distance > 0; distance /= 2) {
        const uint64_t other = __shfl_xor_sync(ALL_LANES, value, distance);
        value = other > value ? other : value;
    }
    return value;
}

// The best token of the block: order in the upper half, the complement of the number in the lower one.
__device__ __forceinline__ uint64_t block_best(uint64_t best, uint64_t* partial) {
    best = warp_max(best);
    if (threadIdx.x % WARP == 0) {
        partial[threadIdx.x / WARP] = best;
    }
    __syncthreads();
    return warp_max(threadIdx.x % WARP < WARPS ? partial[threadIdx.x % WARP] : 0);
}

__device__ __forceinline__ uint64_t ranked(const uint32_t order, const int token) {
    return static_cast<uint64_t>(order) << 32 | (0xffffffffu - static_cast<uint32_t>(token));
}

__device__ __forceinline__ void finish(const int chosen, int* token, uint32_t* seen) {
    *token = chosen;
    if (seen != nullptr && chosen >= 0) {
        seen[chosen / 32] |= 1u << chosen % 32;
    }
}

template <typename T>
__device__ __forceinline__ void argmax(const T* logits, uint32_t* seen, int* token, const int vocabulary,
        const float penalty) {
    __shared__ uint64_t partial[WARPS];
    uint64_t best = 0;
    for (int i = threadIdx.x; i < vocabulary; i += THREADS) {
        const uint64_t candidate = ranked(order_of(penalised(to_float(logits[i]), seen, i, penalty)), i);
        best = candidate > best ? candidate : best;
    }
    best = block_best(best, partial);
    if (threadIdx.x == 0) {
        const float first = to_float(logits[0]);
        finish(first != first ? 0 : static_cast<int>(0xffffffffu - static_cast<uint32_t>(best)), token, seen);
    }
}

struct Sampler {
    uint64_t partial[WARPS];
    uint64_t bins[BINS];
    uint64_t above;
    uint32_t prefix;
};

// e^((score - best) / temperature) in fixed point; at most 2^40. The quotient is split so that its rounding is not
// multiplied by its size.
__device__ __forceinline__ uint64_t weight_of(const uint32_t order, const float best, const double rate) {
    const double exponent = (static_cast<double>(of_order(order)) - best) * rate;
    if (!(exponent > -40.0)) {
        return 0;
    }
    const float whole = static_cast<float>(exponent);
    const float rest = static_cast<float>(exponent - whole);
    return static_cast<uint64_t>(expf(whole) * (1.0f + rest) * FIXED_POINT);
}

// Finds the order of the token at which the sum over falling orders reaches `wanted`, digit by digit from the top:
// each pass sums, in one bin for each value of the next digit, what agrees with the digits found. `measure` gives what
// a token adds. Afterwards shared.prefix is that order and shared.above the sum over the orders above it.
template <typename Measure>
__device__ __forceinline__ void select(Sampler& shared, const uint32_t* orders, const int vocabulary,
        const uint64_t wanted, const Measure& measure) {
    if (threadIdx.x == 0) {
        shared.prefix = 0;
        shared.above = 0;
    }
#pragma unroll 1
    for (int shift = 32 - RADIX_BITS; shift >= 0; shift -= RADIX_BITS) {
        for (int bin = threadIdx.x; bin < BINS; bin += THREADS) {
            shared.bins[bin] = 0;
        }
        __syncthreads();
        const uint32_t prefix = shared.prefix;
        const uint32_t mask = shift + RADIX_BITS == 32 ? 0 : 0xffffffffu << (shift + RADIX_BITS);
#pragma unroll 1
        for (int i = threadIdx.x; i < vocabulary; i += THREADS) {
            const uint32_t order = orders[i];
            if ((order & mask) == prefix) {
                const uint64_t amount = measure(order);
                if (amount != 0) {
                    atomicAdd(&shared.bins[order >> shift & (BINS - 1)], amount);
                }
            }
        }
        __syncthreads();
        if (threadIdx.x < WARP) {
            // Lane l holds the bins from 255 - 8 l downwards.
            constexpr int OWN = BINS / WARP;
            const int top = BINS - 1 - threadIdx.x * OWN;
            uint64_t own = 0;
            for (int j = 0; j < OWN; j++) {
                own += shared.bins[top - j];
            }
            uint64_t before = own;
            for (int distance = 1; distance < WARP; distance *= 2) {
                const uint64_t other = __shfl_up_sync(ALL_LANES, before, distance);
                before += threadIdx.x >= distance ? other : 0;
            }
            const uint64_t above = shared.above;
            const uint64_t until = above + before;
            before = until - own;
            // Rounding may leave the last sum short of what is wanted: then it is the lowest bin with anything in it.
            const uint32_t reached = __ballot_sync(ALL_LANES, until >= wanted);
            const uint32_t filled = __ballot_sync(ALL_LANES, own != 0);
            const int lane = reached != 0 ? __ffs(reached) - 1 : 31 - __clz(filled | 1);
            __syncwarp();
            if (threadIdx.x == lane) {
                int bin = top;
                int last = top;
                uint64_t last_before = before;
                while (true) {
                    const uint64_t amount = shared.bins[bin];
                    if (amount != 0) {
                        last = bin;
                        last_before = before;
                    }
                    before += amount;
                    if (before >= wanted && amount != 0 || bin == top - OWN + 1) {
                        break;
                    }
                    bin--;
                }
                shared.prefix = prefix | static_cast<uint32_t>(last) << shift;
                shared.above = last_before;
            }
        }
        __syncthreads();
    }
}

// The sum of what a thread's tokens add, over the block.
__device__ __forceinline__ uint64_t block_add(Sampler& shared, const uint64_t value) {
    const uint64_t sum = warp_add(value);
    __syncthreads();
    if (threadIdx.x % WARP == 0) {
        shared.partial[threadIdx.x / WARP] = sum;
    }
    __syncthreads();
    return warp_add(threadIdx.x % WARP < WARPS ? shared.partial[threadIdx.x % WARP] : 0);
}

template <typename T>
__device__ __forceinline__ void sample(const T* logits, uint32_t* seen, uint32_t* orders, int* token,
        const int vocabulary, const float penalty, const double temperature, const int top_k, const double top_p,
        const double uniform) {
    __shared__ Sampler shared;
    const int warp = threadIdx.x / WARP;
    const int lane = threadIdx.x % WARP;
    // 1. Penalised logits by their order, and the best.
    uint64_t best = 0;
    for (int i = threadIdx.x; i < vocabulary; i += THREADS) {
        const uint32_t order = order_of(penalised(to_float(logits[i]), seen, i, penalty));
        orders[i] = order;
        best = order > best ? order : best;
    }
    best = block_best(best, shared.partial);
    const float top = of_order(static_cast<uint32_t>(best));
    const double rate = 1.0 / temperature;
    __syncthreads();
    // 2. The lowest order that top-k keeps.
    uint32_t lowest = 0;
    if (top_k > 0 && top_k < vocabulary) {
        select(shared, orders, vocabulary, top_k, [](uint32_t) -> uint64_t { return 1; });
        lowest = shared.prefix;
    }
    const auto weight = [&](const uint32_t order) -> uint64_t {
        return order < lowest ? 0 : weight_of(order, top, rate);
    };
    uint64_t own = 0;
    for (int i = threadIdx.x; i < vocabulary; i += THREADS) {
        own += weight(orders[i]);
    }
    uint64_t total = block_add(shared, own);
    // 3. The lowest order that top-p keeps, and how many of that order: the first ones.
    int ties = vocabulary;
    if (top_p < 1.0) {
        const uint64_t wanted = max(static_cast<uint64_t>(ceil(top_p * static_cast<double>(total))), uint64_t(1));
        select(shared, orders, vocabulary, wanted, weight);
        lowest = shared.prefix;
        const uint64_t above = shared.above;
        const uint64_t each = weight_of(lowest, top, rate);
        ties = each == 0 ? 1 : static_cast<int>((max(wanted, above + 1) - above + each - 1) / each);
        total = above;
        own = 0;
        for (int i = threadIdx.x; i < vocabulary; i += THREADS) {
            own += orders[i] == lowest;
        }
        const uint64_t equal = block_add(shared, own);
        ties = min(ties, static_cast<int>(equal));
        total += ties * each;
    }
    // 4. Each warp sums a part of the tokens that follow one another; then the part is known in which the draw falls.
    const int share = (vocabulary + WARPS - 1) / WARPS;
    const int first = warp * share;
    const int end = min(vocabulary, first + share);
    own = 0;
    uint32_t tied = 0;
    for (int i = first + lane; i < end; i += WARP) {
        const uint32_t order = orders[i];
        own += order > lowest || ties == vocabulary ? weight(order) : 0;
        tied += ties != vocabulary && order == lowest;
    }
    __syncthreads();
    const uint64_t sum = warp_add(own);
    const uint64_t tied_sum = warp_add(static_cast<uint64_t>(tied));
    if (lane == 0) {
        shared.partial[warp] = sum;
        shared.bins[warp] = tied_sum;
    }
    __syncthreads();
    if (total == 0) {
        // No weight is a number: there is no token to draw.
        if (threadIdx.x == 0) {
            finish(-1, token, seen);
        }
        return;
    }
    const uint64_t each = weight_of(lowest, top, rate);
    uint64_t draw = static_cast<uint64_t>(uniform * static_cast<double>(total));
    draw = draw < total ? draw : total - 1;
    uint64_t before = 0;
    uint64_t ties_before = 0;
    int part = 0;
    while (part < WARPS - 1) {
        const uint64_t left = ties > ties_before ? ties - ties_before : 0;
        const uint64_t tied_here = shared.bins[part] < left ? shared.bins[part] : left;
        const uint64_t amount = shared.partial[part] + (ties == vocabulary ? 0 : tied_here * each);
        if (before + amount > draw) {
            break;
        }
        before += amount;
        ties_before += shared.bins[part];
        part++;
    }
    if (warp != part) {
        return;
    }
    // 5. That warp goes through its part.
    int chosen = -1;
    for (int base = first; base < end && chosen < 0; base += WARP) {
        const int i = base + lane;
        const uint32_t order = i < end ? orders[i] : 0;
        const bool is_tied = i < end && ties != vocabulary && order == lowest;
        const uint32_t tied_lanes = __ballot_sync(ALL_LANES, is_tied);
        const uint64_t rank = ties_before + __popc(tied_lanes & ((1u << lane) - 1));
        uint64_t amount = 0;
        if (i < end) {
            amount = is_tied ? (rank < ties ? each : 0) : order > lowest || ties == vocabulary ? weight(order) : 0;
        }
        uint64_t until = amount;
        for (int distance = 1; distance < WARP; distance *= 2) {
            const uint64_t other = __shfl_up_sync(ALL_LANES, until, distance);
            until += lane >= distance ? other : 0;
        }
        const uint32_t reached = __ballot_sync(ALL_LANES, amount != 0 && before + until > draw);
        chosen = reached == 0 ? -1 : base + __ffs(reached) - 1;
        before += __shfl_sync(ALL_LANES, until, WARP - 1);
        ties_before += __popc(tied_lanes);
    }
    if (lane == 0) {
        finish(chosen < 0 ? end - 1 : chosen, token, seen);
    }
}

extern "C" __global__ void __launch_bounds__(THREADS) argmax_bf16(const bf16* logits, uint32_t* seen, int* token,
        const int vocabulary, const float penalty) {
    argmax<bf16>(logits, seen, token, vocabulary, penalty);
}

extern "C" __global__ void __launch_bounds__(THREADS) sample_bf16(const bf16* logits, uint32_t* seen, uint32_t* orders,
        int* token, const int vocabulary, const float penalty, const double temperature, const int top_k,
        const double top_p, const double uniform) {
    sample<bf16>(logits, seen, orders, token, vocabulary, penalty, temperature, top_k, top_p, uniform);
}
