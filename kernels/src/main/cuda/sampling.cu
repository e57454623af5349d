// The next token from the logits of one position.
//
//   The order of the steps is that of transformers:
//   1. repetition penalty: a logit of a token that was seen is divided by it if positive, else multiplied;
//   2. argmax takes the first of the largest penalised logits; sampling goes on:
//   3. temperature: scores are logits / temperature;
//   4. top-k: the k best remain, and those that are as good as the last of them (k = 0: all);
//   5. top-p: of these the fewest best whose probabilities sum to p or more, at least one; equal ones by rising number
//      (p >= 1: all);
//   6. the token at which the running sum of probabilities, by rising number, exceeds a uniform number from the host.
//   The token is then marked as seen.
//
// A vocabulary is shared out among blocks, PART tokens each; what they find is put together by the next launch, in
// whose beginning every block does the same small work:
//
//   argmax_parts   the best token of each part               argmax          the best of those
//   sample_orders  scores by their order, best of each part  sample_digit    step s of the search for a boundary
//   sample_parts   the sum of what remains of each part      sample_draw     the token
//
// The boundary of top-k is found by steps 0 to 3, that of top-p by steps 4 to 7, one digit of 8 bits of a score's order
// each: a step sums, in one bin for each value of its digit, what agrees with the digits that are known. The launcher
// leaves out what is not asked for; `first` marks the step with which the search begins, and sample_parts and
// sample_draw get the step behind the last one (0 without a search).
//
// Shapes: logits [vocabulary]; seen: one bit for each token in words of 32 bits, or null for no penalty; orders
// [vocabulary] words of workspace; scratch: a Scratch and behind it three numbers of 64 bits for each part, each
// array filled up to a multiple of four; token [1].
// Types: logits have the entry's type; everything else is float, but for probabilities: weights e^(score - best) in
// fixed point, 40 bits after the point, so that sums do not depend on the order of threads and no draw depends on the
// device. What is chosen differs from exact arithmetic only where a boundary lies within some 1e-6 of probability.
// NaN logits count as minus infinity, but for argmax a NaN in front wins, as a loop over "greater" has it. Sampling
// gives -1 where nothing can be drawn: an infinite logit, or none that is a number.
// Alignment: of elements. Launch: blocks of 512 threads, ceil(vocabulary / PART) of them, but one for argmax and
// sample_draw. Shared memory: static, about 8 KiB.
#include "types.cuh"

constexpr int THREADS = 512;
constexpr int WARPS = THREADS / WARP;
// Tokens of a block.
constexpr int PART = 2048;
constexpr int STEPS = 8;
// The step with which the search for the boundary of top-p begins.
constexpr int TOP_P = 4;
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

// What is known of a search: the digits found, what lies above them, and the sum that is looked for; the lowest order
// that top-k keeps.
struct alignas(32) Search {
    uint64_t above;
    uint64_t wanted;
    uint32_t prefix;
    uint32_t lowest;
};

struct Scratch {
    Search searches[STEPS + 1];
    uint64_t bins[STEPS][BINS];
};

// What was found of each part, behind the scratch; arrays of whole sectors.
struct Parts {
    int count;
    uint64_t* best;
    uint64_t* sum;
    uint64_t* ties;

    __device__ __forceinline__ Parts(Scratch* scratch, const int vocabulary)
        : count((vocabulary + PART - 1) / PART), best(reinterpret_cast<uint64_t*>(scratch + 1)),
          sum(best + (count + 3) / 4 * 4), ties(sum + (count + 3) / 4 * 4) {}
};

// The best token of this block's part.
template <typename T>
__device__ __forceinline__ uint64_t best_of_part(const T* logits, const uint32_t* seen, uint32_t* orders,
        const int vocabulary, const float penalty, uint64_t* partial) {
    uint64_t best = 0;
#pragma unroll
    for (int j = 0; j < PART / THREADS; j++) {
        const int64_t i = static_cast<int64_t>(blockIdx.x) * PART + j * THREADS + threadIdx.x;
        if (i < vocabulary) {
            const uint32_t order = order_of(penalised(to_float(logits[i]), seen, i, penalty));
            if (orders != nullptr) {
                orders[i] = order;
            }
            const uint64_t candidate = ranked(order, i);
            best = candidate > best ? candidate : best;
        }
    }
    return block_best(best, partial);
}

__device__ __forceinline__ uint64_t best_of_parts(const Parts& parts, uint64_t* partial) {
    uint64_t best = 0;
    for (int i = threadIdx.x; i < parts.count; i += THREADS) {
        const uint64_t candidate = parts.best[i];
        best = candidate > best ? candidate : best;
    }
    return block_best(best, partial);
}

template <typename T>
__device__ __forceinline__ void argmax(const T* logits, uint32_t* seen, Scratch* scratch, int* token,
        const int vocabulary) {
    __shared__ uint64_t partial[WARPS];
    const uint64_t best = best_of_parts(Parts(scratch, vocabulary), partial);
    if (threadIdx.x == 0) {
        const float first = to_float(logits[0]);
        finish(first != first ? 0 : static_cast<int>(0xffffffffu - static_cast<uint32_t>(best)), token, seen);
    }
}

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

// What a token adds to sums over scores.
struct Weights {
    float top;
    double rate;
    uint32_t lowest;

    __device__ __forceinline__ uint64_t of(const uint32_t order) const {
        return order < lowest ? 0 : weight_of(order, top, rate);
    }
};

// What is known before this step, by every block from what the step before has summed; the first block keeps it. The
// next digit is the highest at which the sum over falling orders reaches what is wanted.
__device__ __forceinline__ Search follow(Scratch* scratch, const int step, const bool first, const int top_k,
        const double top_p) {
    __shared__ Search shared;
    __shared__ uint64_t totals[WARPS];
    Search search = {};
    if (first) {
        search.wanted = top_k;
    } else {
        search = scratch->searches[step - 1];
        // Thread t has the bin 255 - t.
        const int bin = BINS - 1 - static_cast<int>(threadIdx.x);
        const uint64_t amount = bin >= 0 ? scratch->bins[step - 1][bin] : 0;
        uint64_t until = amount;
        for (int distance = 1; distance < WARP; distance *= 2) {
            const uint64_t other = __shfl_up_sync(ALL_LANES, until, distance);
            until += threadIdx.x % WARP >= distance ? other : 0;
        }
        if (threadIdx.x % WARP == WARP - 1) {
            totals[threadIdx.x / WARP] = until;
        }
        const int shift = 32 - RADIX_BITS - (step - 1) % TOP_P * RADIX_BITS;
        if (threadIdx.x == 0) {
            // Where nothing was summed.
            shared.prefix = search.prefix | static_cast<uint32_t>(BINS - 1) << shift;
            shared.above = search.above;
        }
        __syncthreads();
        uint64_t total = 0;
        for (int warp = 0; warp < WARPS; warp++) {
            until += warp < threadIdx.x / WARP ? totals[warp] : 0;
            total += totals[warp];
        }
        if (step == TOP_P + 1) {
            search.wanted = max(static_cast<uint64_t>(ceil(top_p * static_cast<double>(total))), uint64_t(1));
        }
        until += search.above;
        total += search.above;
        const uint64_t before = until - amount;
        // Rounding may leave the last sum short of what is wanted: then it is the lowest bin with anything in it.
        const bool reaches = until >= search.wanted || until == total;
        if (amount != 0 && reaches && before < search.wanted) {
            shared.prefix = search.prefix | static_cast<uint32_t>(bin) << shift;
            shared.above = before;
        }
        __syncthreads();
        search.prefix = shared.prefix;
        search.above = shared.above;
        if (step == TOP_P) {
            search.lowest = search.prefix;
            search.prefix = 0;
            search.above = 0;
        }
    }
    if (blockIdx.x == 0 && threadIdx.x == 0) {
        scratch->searches[step] = search;
    }
    return search;
}

// A sum of 64 bits in two words, because shared memory adds words by itself and longer numbers by trying again.
__device__ __forceinline__ void add_to_bin(uint32_t* low, uint32_t* high, const uint64_t amount) {
    const uint32_t part = static_cast<uint32_t>(amount);
    const uint32_t before = atomicAdd(low, part);
    const uint32_t rest = static_cast<uint32_t>(amount >> 32) + (before + part < before ? 1 : 0);
    if (rest != 0) {
        atomicAdd(high, rest);
    }
}

// Adds this block's part to the bins of a step.
__device__ __forceinline__ void digit(const uint32_t* orders, Scratch* scratch, const int vocabulary, const int step,
        const bool first, const double temperature, const int top_k, const double top_p) {
    __shared__ uint64_t partial[WARPS];
    __shared__ uint32_t low[BINS];
    __shared__ uint32_t high[BINS];
    for (int bin = threadIdx.x; bin < BINS; bin += THREADS) {
        low[bin] = 0;
        high[bin] = 0;
    }
    const Search search = follow(scratch, step, first, top_k, top_p);
    __syncthreads();
    const int shift = 32 - RADIX_BITS - step % TOP_P * RADIX_BITS;
    const uint32_t mask = shift + RADIX_BITS == 32 ? 0 : 0xffffffffu << (shift + RADIX_BITS);
    Weights weights = {0.0f, 1.0 / temperature, search.lowest};
    if (step >= TOP_P) {
        const uint64_t best = best_of_parts(Parts(scratch, vocabulary), partial);
        weights.top = of_order(static_cast<uint32_t>(best >> 32));
    }
#pragma unroll
    for (int j = 0; j < PART / THREADS; j++) {
        const int64_t i = static_cast<int64_t>(blockIdx.x) * PART + j * THREADS + threadIdx.x;
        const uint32_t order = i < vocabulary ? orders[i] : 0;
        if (i < vocabulary && (order & mask) == search.prefix) {
            const uint64_t amount = step < TOP_P ? 1 : weights.of(order);
            if (amount != 0) {
                const int bin = order >> shift & (BINS - 1);
                add_to_bin(low + bin, high + bin, amount);
            }
        }
    }
    __syncthreads();
    for (int bin = threadIdx.x; bin < BINS; bin += THREADS) {
        const uint64_t amount = static_cast<uint64_t>(high[bin]) << 32 | low[bin];
        if (amount != 0) {
            atomicAdd(&scratch->bins[step][bin], amount);
        }
    }
}

// What remains after top-k and top-p: with a limit by top-p the tokens above a boundary and the first of those at it.
struct Remaining {
    Weights weights;
    bool limited;
    uint32_t boundary;
    uint64_t each;

    __device__ __forceinline__ Remaining(const Search& search, const uint64_t best, const double temperature,
            const double top_p)
        : weights{of_order(static_cast<uint32_t>(best >> 32)), 1.0 / temperature, search.lowest},
          limited(top_p < 1.0), boundary(search.prefix), each(limited ? weight_of(boundary, weights.top, weights.rate)
                                                                      : 0) {}

    __device__ __forceinline__ bool ties(const uint32_t order) const {
        return limited && order == boundary;
    }

    __device__ __forceinline__ uint64_t of(const uint32_t order) const {
        return limited && order <= boundary ? 0 : weights.of(order);
    }
};

// The sum over the block, and over all of a warp's tokens.
__device__ __forceinline__ uint64_t block_add(uint64_t* partial, const uint64_t value) {
    const uint64_t sum = warp_add(value);
    if (threadIdx.x % WARP == 0) {
        partial[threadIdx.x / WARP] = sum;
    }
    __syncthreads();
    return warp_add(threadIdx.x % WARP < WARPS ? partial[threadIdx.x % WARP] : 0);
}

__device__ __forceinline__ void sum_parts(const uint32_t* orders, Scratch* scratch, const int vocabulary,
        const int step, const double temperature, const double top_p) {
    __shared__ uint64_t partial[3][WARPS];
    const Search search = follow(scratch, step, step == 0, 0, top_p);
    const Parts parts(scratch, vocabulary);
    const Remaining remaining(search, best_of_parts(parts, partial[0]), temperature, top_p);
    uint64_t sum = 0;
    uint64_t ties = 0;
#pragma unroll
    for (int j = 0; j < PART / THREADS; j++) {
        const int64_t i = static_cast<int64_t>(blockIdx.x) * PART + j * THREADS + threadIdx.x;
        if (i < vocabulary) {
            const uint32_t order = orders[i];
            sum += remaining.of(order);
            ties += remaining.ties(order);
        }
    }
    sum = block_add(partial[1], sum);
    ties = block_add(partial[2], ties);
    if (threadIdx.x == 0) {
        parts.sum[blockIdx.x] = sum;
        parts.ties[blockIdx.x] = ties;
    }
}

// Where the draw falls: the sum and the tokens at the boundary that lie before.
struct Place {
    int index;
    uint64_t before;
    uint64_t ties_before;
};

// One thread: moves to the part, or the share of one, in which the draw falls; the last one takes what rounding leaves.
template <typename Sum, typename Ties>
__device__ __forceinline__ void advance(Place& place, const int last, const uint64_t draw, const uint64_t ties,
        const uint64_t each, const Sum& sum, const Ties& tied) {
    while (place.index < last) {
        const uint64_t left = ties > place.ties_before ? ties - place.ties_before : 0;
        const uint64_t tied_here = tied(place.index);
        const uint64_t amount = sum(place.index) + (tied_here < left ? tied_here : left) * each;
        if (place.before + amount > draw) {
            return;
        }
        place.before += amount;
        place.ties_before += tied_here;
        place.index++;
    }
}

__device__ __forceinline__ void draw_token(const uint32_t* orders, Scratch* scratch, uint32_t* seen, int* token,
        const int vocabulary, const int step, const double temperature, const double top_p, const double uniform) {
    __shared__ uint64_t partial[3][WARPS];
    __shared__ uint64_t sums[WARPS];
    __shared__ uint64_t tied[WARPS];
    __shared__ Place shared;
    const int warp = threadIdx.x / WARP;
    const int lane = threadIdx.x % WARP;
    const Parts parts(scratch, vocabulary);
    const Search search = scratch->searches[step];
    const Remaining remaining(search, best_of_parts(parts, partial[0]), temperature, top_p);
    uint64_t sum = 0;
    uint64_t equal = 0;
    for (int i = threadIdx.x; i < parts.count; i += THREADS) {
        sum += parts.sum[i];
        equal += parts.ties[i];
    }
    uint64_t total = block_add(partial[1], sum);
    equal = block_add(partial[2], equal);
    // How many of those at the boundary remain.
    uint64_t ties = 0;
    if (remaining.limited) {
        const uint64_t missing = max(search.wanted, search.above + 1) - search.above;
        ties = remaining.each == 0 ? 1 : (missing + remaining.each - 1) / remaining.each;
        ties = ties < equal ? ties : equal;
        total += ties * remaining.each;
    }
    if (total == 0) {
        // No weight is a number: there is no token to draw.
        if (threadIdx.x == 0) {
            finish(-1, token, seen);
        }
        return;
    }
    uint64_t draw = static_cast<uint64_t>(uniform * static_cast<double>(total));
    draw = draw < total ? draw : total - 1;
    if (threadIdx.x == 0) {
        Place place = {0, 0, 0};
        advance(place, parts.count - 1, draw, ties, remaining.each, [&](const int i) { return parts.sum[i]; },
                [&](const int i) { return parts.ties[i]; });
        shared = place;
    }
    __syncthreads();
    // Each warp sums a share of that part; then the share is known in which the draw falls.
    constexpr int SHARE = PART / WARPS;
    Place place = shared;
    const int part_first = place.index * PART;
    const int part_end = min(vocabulary, part_first + PART);
    uint64_t own = 0;
    uint64_t own_ties = 0;
    for (int i = part_first + warp * SHARE + lane; i < min(part_end, part_first + (warp + 1) * SHARE); i += WARP) {
        const uint32_t order = orders[i];
        own += remaining.of(order);
        own_ties += remaining.ties(order);
    }
    own = warp_add(own);
    own_ties = warp_add(own_ties);
    if (lane == 0) {
        sums[warp] = own;
        tied[warp] = own_ties;
    }
    __syncthreads();
    place.index = 0;
    const int last_share = (part_end - part_first - 1) / SHARE;
    advance(place, last_share, draw, ties, remaining.each, [&](const int i) { return sums[i]; },
            [&](const int i) { return tied[i]; });
    if (warp != place.index) {
        return;
    }
    // That warp goes through its share.
    const int first = part_first + warp * SHARE;
    const int end = min(part_end, first + SHARE);
    int chosen = -1;
    for (int base = first; base < end && chosen < 0; base += WARP) {
        const int i = base + lane;
        const uint32_t order = i < end ? orders[i] : 0;
        const bool is_tied = i < end && remaining.ties(order);
        const uint32_t tied_lanes = __ballot_sync(ALL_LANES, is_tied);
        const uint64_t rank = place.ties_before + __popc(tied_lanes & ((1u << lane) - 1));
        uint64_t amount = 0;
        if (i < end) {
            amount = is_tied ? (rank < ties ? remaining.each : 0) : remaining.of(order);
        }
        uint64_t until = amount;
        for (int distance = 1; distance < WARP; distance *= 2) {
            const uint64_t other = __shfl_up_sync(ALL_LANES, until, distance);
            until += lane >= distance ? other : 0;
        }
        const uint32_t reached = __ballot_sync(ALL_LANES, amount != 0 && place.before + until > draw);
        chosen = reached == 0 ? -1 : base + __ffs(reached) - 1;
        place.before += __shfl_sync(ALL_LANES, until, WARP - 1);
        place.ties_before += __popc(tied_lanes);
    }
    if (lane == 0) {
        finish(chosen < 0 ? end - 1 : chosen, token, seen);
    }
}

extern "C" __global__ void __launch_bounds__(THREADS) sample_digit(const uint32_t* orders, Scratch* scratch,
        const int vocabulary, const int step, const int first, const double temperature, const int top_k,
        const double top_p) {
    digit(orders, scratch, vocabulary, step, first != 0, temperature, top_k, top_p);
}

extern "C" __global__ void __launch_bounds__(THREADS) sample_parts(const uint32_t* orders, Scratch* scratch,
        const int vocabulary, const int step, const double temperature, const double top_p) {
    sum_parts(orders, scratch, vocabulary, step, temperature, top_p);
}

extern "C" __global__ void __launch_bounds__(THREADS) sample_draw(const uint32_t* orders, Scratch* scratch,
        uint32_t* seen, int* token, const int vocabulary, const int step, const double temperature,
        const double top_p, const double uniform) {
    draw_token(orders, scratch, seen, token, vocabulary, step, temperature, top_p, uniform);
}

#define ENTRIES(suffix, T) \
    extern "C" __global__ void __launch_bounds__(THREADS) argmax_parts_##suffix(const T* logits, \
            const uint32_t* seen, Scratch* scratch, const int vocabulary, const float penalty) { \
        __shared__ uint64_t partial[WARPS]; \
        const uint64_t best = best_of_part(logits, seen, nullptr, vocabulary, penalty, partial); \
        if (threadIdx.x == 0) { \
            Parts(scratch, vocabulary).best[blockIdx.x] = best; \
        } \
    } \
    extern "C" __global__ void __launch_bounds__(THREADS) argmax_##suffix(const T* logits, uint32_t* seen, \
            Scratch* scratch, int* token, const int vocabulary) { \
        argmax<T>(logits, seen, scratch, token, vocabulary); \
    } \
    extern "C" __global__ void __launch_bounds__(THREADS) sample_orders_##suffix(const T* logits, \
            const uint32_t* seen, uint32_t* orders, Scratch* scratch, const int vocabulary, const float penalty) { \
        __shared__ uint64_t partial[WARPS]; \
        for (int i = blockIdx.x * THREADS + threadIdx.x; i < STEPS * BINS; i += gridDim.x * THREADS) { \
            scratch->bins[i / BINS][i % BINS] = 0; \
        } \
        const uint64_t best = best_of_part(logits, seen, orders, vocabulary, penalty, partial); \
        if (threadIdx.x == 0) { \
            Parts(scratch, vocabulary).best[blockIdx.x] = best; \
        } \
    }

ENTRIES(bf16, bf16)
ENTRIES(f16, f16)
ENTRIES(f32, float)
