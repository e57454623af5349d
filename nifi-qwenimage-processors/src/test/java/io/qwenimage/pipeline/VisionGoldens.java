package io.qwenimage.pipeline;

import io.qwenimage.model.vision.VisionGrid;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.weights.WeightSource;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/** Whole numbers in the goldens of goldens-vision. */
final class VisionGoldens {
    private VisionGoldens() {
    }

    /** A tensor of I64 as int. */
    static int[] ints(final HostTensor tensor) {
        return Arrays.stream(tensor.toLongs()).mapToInt(Math::toIntExact).toArray();
    }

    /** The grids of a tensor {@code image_grid_thw} [N, 3]; none if there is no such tensor. */
    static List<VisionGrid> grids(final WeightSource expected, final String name) {
        if (!expected.names().contains(name)) {
            return List.of();
        }
        final int[] thw = ints(expected.tensor(name));
        return IntStream.range(0, thw.length / 3)
                .mapToObj(i -> new VisionGrid(thw[3 * i], thw[3 * i + 1], thw[3 * i + 2])).toList();
    }
}
