package io.qwenimage.kernels;

import static io.qwenimage.kernels.driver.ElementType.BF16;
import static io.qwenimage.kernels.driver.ElementType.F8_E4M3;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** The faults, by kind of slip: a stride, a mask, a lane, a barrier, a scale. */
final class Mutations {
    private static final String NO_BARRIER = "";

    private Mutations() {
    }

    static List<Mutation> all() {
        final List<Mutation> result = new ArrayList<>();
        result.addAll(norms());
        result.addAll(rotations());
        result.addAll(elements());
        result.addAll(rows());
        result.addAll(latents());
        result.addAll(channelNorms());
        result.addAll(products());
        result.addAll(choices());
        result.addAll(AttentionMutations.all());
        return result;
    }

    /** Leaves out the entries of other types, and tiles that no check uses: they would take the compiler's time. */
    static String onlyBf16(final String source) {
        return source.replaceAll("(?m)^(?:\\w+_)?ENTR(?:Y|IES)\\((?:f16|f32),.*\\)$", "")
                .replaceAll("(?m)^CAST_ENTRY\\((?!f8_e4m3, f8_e4m3, bf16).*\\)$", "")
                .replaceAll("(?m)^ +ATTENTION_ENTRY\\(attention_(?:64|80|64_short|256)_##.*\\n", "");
    }

    private static List<Mutation> norms() {
        final NormKernelsTest test = new NormKernelsTest();
        final Consumer<KernelDevice> modulated = device -> test.testAdaLayerNorm(BF16, 3, 200, device);
        // Two teams with a row each, and one team with two rows.
        final Consumer<KernelDevice> teams = device -> test.testRmsNorm(BF16, 218, 1032, device);
        final Consumer<KernelDevice> two = device -> test.testRmsNorm(BF16, 218, 6152, device);
        final Consumer<KernelDevice> ragged = device -> test.testLayerNorm(BF16, 6, 5, device);
        final Consumer<KernelDevice> gated = device -> test.testGatedAddAdaLayerNorm(BF16, 3, 64, device);
        final Consumer<KernelDevice> spans =
                device -> test.testSpansHaveOperandsOfTheirOwn(BF16, 64, 3, 2, 0, 1, device);
        return List.of(
                Mutation.in("norm", "if (chunk < count) {", "if (true) {", modulated).at(1),
                Mutation.in("norm", "team.sum(sum, 0) / a.width;", "team.sum(sum, 0) / (a.width + 1);",
                        device -> test.testAdaLayerNorm(BF16, 3, 16, device)).at(1),
                Mutation.in("norm", "NORM == Norm::MODULATED ? 1.0f + factor[i] : factor[i]", "factor[i]", modulated),
                Mutation.in("norm", "team.sum(sum, NORM == Norm::RMS ? turn : 1)", "team.sum(sum, 1)", two).at(1),
                Mutation.in("norm", "x.load(a.x + row * a.x_stride, count, team);",
                        "x.load(a.x + row * a.width, count, team);", test::testRowsThatLieApart).at(1),
                Mutation.in("norm", "row += team.count;", "row += team.count + 1;", two),
                Mutation.in("norm", "    __syncthreads();\n", NO_BARRIER, teams),
                Mutation.in("norm", "fmaf(factor[i], values[i], base[i])",
                        "fmaf(factor[i], base[i], values[i])", gated),
                Mutation.in("norm", "x.kept[j].store(a.sum + row * a.width + chunk * V);", "", gated),
                Mutation.in("norm", "first_block = begin;", "", spans),
                Mutation.in("norm", "mine = spans.span[i];", "", spans),
                Mutation.in("norm", "const float difference = to_float(x[i]) - mean;",
                        "const float difference = to_float(x[i]);", ragged),
                Mutation.in("norm", "min(a.rows, (block + 1) * a.rows_per_block)",
                        "(block + 1) * a.rows_per_block",
                        device -> test.testRmsNorm(BF16, 217, 6152, device)).at(1),
                Mutation.in("norm", "team.cuh", "        named_barrier(index + 1, threads);\n", NO_BARRIER, teams),
                Mutation.in("norm", "team.cuh", "lane < warps ? partial[number][index * warps + lane] : 0.0f",
                        "partial[number][index * warps + lane]", two),
                Mutation.in("norm", "team.cuh", "index * warps + lane", "lane", teams),
                Mutation.inHeader("norm", "types.cuh", "distance = WARP / 2;", "distance = WARP / 4;", modulated),
                Mutation.inHeader("norm", "types.cuh", "\"f\"(second), \"f\"(first)", "\"f\"(first), \"f\"(second)",
                        modulated));
    }

    private static List<Mutation> rotations() {
        final RopeKernelsTest test = new RopeKernelsTest();
        final Consumer<KernelDevice> neighbours =
                device -> test.testNormAndRotation(BF16, 3, 5, 64, RotaryPairs.NEIGHBOURS, device);
        final Consumer<KernelDevice> windowed =
                device -> test.testNormAndRotation(BF16, 3, 2, 80, RotaryPairs.HALVES, device);
        final Consumer<KernelDevice> joint = device -> new JointHeadKernelsTest()
                .testProjectionsInTheirPlacesStayThere(BF16, 2, 32, 3, 5, device);
        return List.of(
                Mutation.in("rope", "load(row + head * a.width + half + at, high);",
                        "load(row + head * a.width + at, high);",
                        neighbours),
                Mutation.in("rope", "const float first = a[2 * i] * c[i] - a[2 * i + 1] * s[i];",
                        "const float first = a[2 * i] * c[i] + a[2 * i + 1] * s[i];", neighbours),
                Mutation.in("rope", "T* const target = a.out + token * a.out_stride;",
                        "T* const target = a.out + token * a.x_stride;",
                        test::testFromAFusedProjectionIntoAJointBuffer),
                Mutation.in("rope", "sum = works ? sum : 0.0f;", "", windowed),
                Mutation.in("rope", "source.angles(token, (half + at) / 2, half, c1, s1);",
                        "source.angles(token, at / 2, half, c1, s1);", neighbours),
                Mutation.in("rope", "distance = lanes / 2;", "distance = lanes / 4;", windowed),
                Mutation.in("rope", "const int64_t token = warp / groups;\n    if (token >= a.tokens) {",
                        "const int64_t token = warp % groups;\n    if (token >= a.tokens) {", neighbours),
                Mutation.in("rope", "(keys ? part : 0) + (token - row) * stride", "(keys ? part : 0)", joint),
                Mutation.in("rope", "moved + part + at", "moved + at", joint),
                Mutation.in("rope", "candidate != 0 && pair < 3 * section", "candidate != 0 && pair < section",
                        device -> test.testMultimodalPositions(BF16, 2, 2, 64, 8, 12, 12, true, device)),
                Mutation.in("rope", "pair < section0 + section1 ? 1 : 2", "pair < section1 ? 1 : 2",
                        device -> test.testMultimodalPositions(BF16, 2, 2, 64, 8, 12, 12, false, device)));
    }

    private static List<Mutation> elements() {
        final PointwiseKernelsTest test = new PointwiseKernelsTest();
        return List.of(
                Mutation.in("pointwise", "aligned && base + THREADS * V * ACCESSES <= count",
                        "aligned && base < count", device -> test.testAdd(BF16, 4097, device)),
                Mutation.in("pointwise", "T* const o = out + row * width;", "T* const o = out + row * gate_stride;",
                        device -> test.testSwiGlu(BF16, 2, 64, 0, device)),
                Mutation.in("pointwise", "* 256.0f", "* 128.0f",
                        device -> test.testStoredWeightsOfEightBits(F8_E4M3, BF16, device)),
                Mutation.in("pointwise", "words[j / 4] >> j % 4 * 8", "words[j / 4] >> (3 - j % 4) * 8",
                        device -> test.testStoredWeightsOfEightBits(F8_E4M3, BF16, device)),
                Mutation.in("pointwise", "row[half + i] = from_float<T>(sine);", "row[i + 1] = from_float<T>(sine);",
                        device -> test.testTimestepEmbedding(BF16, 1, 13, device)),
                Mutation.inHeader("pointwise", "activation.cuh", "0.044715f", "0.44715f",
                        device -> test.testActivations(Activation.GELU_TANH, BF16, 300, device)),
                Mutation.inHeader("pointwise", "activation.cuh", "argument < -100.0f ? -0.0f : result", "result",
                        device -> test.testActivationsAtTheEnds(Activation.SILU, BF16, device)));
    }

    private static List<Mutation> rows() {
        final RowKernelsTest test = new RowKernelsTest();
        return List.of(
                Mutation.in("rows", "bits(from) | bits(to) | from_stride | to_stride | row_bytes",
                        "bits(from) | from_stride | row_bytes",
                        device -> test.testCopyIntoABufferThatHoldsMore(BF16, 3, 64, 1, device)),
                Mutation.in("rows", "if (offset < row_bytes) {", "{",
                        device -> test.testCopyIntoABufferThatHoldsMore(BF16, 3, 64, 0, device)),
                Mutation.in("rows", "table + id * table_stride + offset", "table + row * table_stride + offset",
                        device -> test.testGather(BF16, 9, 16, 5, device)),
                Mutation.in("rows", "out + target + 2 * row_bytes + pixel_bytes",
                        "out + target + row_bytes + pixel_bytes",
                        device -> test.testUpsampleNearest(BF16, 2, 3, 8, device)));
    }

    private static List<Mutation> latents() {
        final LatentKernelsTest test = new LatentKernelsTest();
        final Consumer<KernelDevice> step = device -> test.testGuidanceStep(BF16, 3, 64, true, device);
        // So wide that a lane comes back for what did not fit into its registers.
        final Consumer<KernelDevice> wideStep = device -> test.testGuidanceStep(BF16, 3, 320, true, device);
        return List.of(
                Mutation.in("latents", "sqrtf(wanted) / sqrtf(actual)", "sqrtf(actual) / sqrtf(wanted)", step),
                Mutation.in("latents", "c[j] = fmaf(scale, c[j] - u[j], u[j]);",
                        "c[j] = fmaf(scale, c[j] - u[j], c[j]);", wideStep),
                Mutation.in("latents", "{from[0], from[1], from[width], from[width + 1]}",
                        "{from[0], from[width], from[1], from[width + 1]}",
                        device -> test.testPackAndUnpack(BF16, 3, 4, 6, device)),
                Mutation.in("latents", "unit * 255.0f", "unit * 256.0f", device -> test.testPixels(BF16, 40, device)),
                Mutation.in("latents", "fmaf(x, 0.5f, 0.5f), 0.0f), 1.0f)", "fmaf(x, 0.5f, 0.5f), 0.0f), 2.0f)",
                        device -> test.testPixels(BF16, 40, device)));
    }

    private static List<Mutation> channelNorms() {
        final ChannelNormKernelsTest test = new ChannelNormKernelsTest();
        final Consumer<KernelDevice> usual =
                device -> test.testChannelNorm(BF16, 13, 96, Activation.SILU, 1, device);
        return List.of(
                Mutation.in("channelnorm", "sqrtf(static_cast<float>(channels)) / fmaxf", "1.0f / fmaxf", usual),
                Mutation.in("channelnorm", "const bool works = pixel < pixels;", "const bool works = true;", usual),
                Mutation.in("channelnorm", "distance = lanes / 2;", "distance = lanes / 4;", usual));
    }

    private static List<Mutation> products() {
        final MatrixVectorKernelsTest test = new MatrixVectorKernelsTest();
        final Consumer<KernelDevice> one =
                device -> test.testLinear(BF16, 1, 1032, 9, true, true, Activation.NONE, device);
        return List.of(
                Mutation.in("matvec", "static_cast<int64_t>(min(n, outputs - 1)) * in",
                        "static_cast<int64_t>(n) * in", one),
                Mutation.in("matvec", "k < in; k += THREADS * V", "k < in; k += WARP * V", one),
                Mutation.in("matvec", "    __syncthreads();\n", NO_BARRIER, one),
                Mutation.in("matvec", "if (m < rows && n < outputs)", "if (m < ROWS && n < outputs)",
                        device -> test.testLinear(BF16, 3, 64, 9, true, true, Activation.NONE, device)));
    }

    private static List<Mutation> choices() {
        final SamplingKernelsTest test = new SamplingKernelsTest();
        final Consumer<KernelDevice> draws = device -> test.testDraws(BF16, 600, 1.2f, 0.7, 20, 0.8, device);
        final Consumer<KernelDevice> best = device -> test.testDraws(BF16, 600, 1, 1, 20, 1, device);
        return List.of(
                Mutation.in("sampling", "logit > 0 ? __fdiv_rn", "logit < 0 ? __fdiv_rn", draws),
                Mutation.in("sampling", "const uint64_t before = until - amount;", "const uint64_t before = until;",
                        draws),
                Mutation.in("sampling", "place.before += __shfl_sync(ALL_LANES, until, WARP - 1);", "",
                        device -> test.testDraws(BF16, 3000, 1, 2, 0, 1, device)),
                Mutation.in("sampling", "until += warp < threadIdx.x / WARP ? totals[warp] : 0;", "", draws),
                Mutation.in("sampling", "        __syncthreads();\n", NO_BARRIER, draws).at(1),
                Mutation.in("sampling", "search.wanted = top_k;", "search.wanted = top_k + 1;", best),
                Mutation.in("sampling", "(before + part < before ? 1 : 0)", "0",
                        device -> test.testDraws(BF16, 5000, 1, 2.5, 0, 0.5, device)),
                Mutation.in("sampling", "constexpr int SHARE = PART / WARPS;",
                        "constexpr int SHARE = PART / WARPS / 2;",
                        device -> test.testDraws(BF16, 3000, 1, 2, 0, 1, device)),
                Mutation.in("sampling", "place.ties_before += tied_here;", "", device -> test
                        .testEqualLogitsAtTheBoundary(device)),
                Mutation.in("sampling", "atomicAdd(&scratch->bins[step][bin], amount);",
                        "scratch->bins[step][bin] = amount;",
                        device -> test.testDraws(BF16, 5000, 1, 1, 20, 1, device)),
                Mutation.in("sampling", "(0xffffffffu - static_cast<uint32_t>(token))", "static_cast<uint32_t>(token)",
                        device -> test.testArgmax(BF16, 1000, 1, device)));
    }
}
