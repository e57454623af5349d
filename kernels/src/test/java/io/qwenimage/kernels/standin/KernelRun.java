package io.qwenimage.kernels.standin;

import io.qwenimage.ptx.counting.Counters;
import io.qwenimage.ptx.inspection.Finding;
import java.util.List;

/**
 * A kernel that has run on the PTX machine.
 *
 * @param kernel its name
 * @param image what it was loaded from: {@code norm.sm_80.cubin}
 * @param geometry grid, block and dynamic shared memory in words
 * @param findings what the inspector found
 * @param counters what was executed
 */
public record KernelRun(String kernel, String image, String geometry, List<Finding> findings, Counters counters) {
}
