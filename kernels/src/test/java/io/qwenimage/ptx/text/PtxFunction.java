package io.qwenimage.ptx.text;

import java.util.List;

/**
 * A kernel ({@code .entry}) or device function ({@code .func}).
 *
 * @param name its name
 * @param entry whether it is a kernel
 * @param results result parameters (device functions)
 * @param parameters its parameters in order
 * @param statements its instructions; empty for a mere declaration
 * @param variables what its body declares: local, shared and parameter variables
 * @param limits what its performance directives demand
 */
public record PtxFunction(String name, boolean entry, List<PtxVariable> results, List<PtxVariable> parameters,
                          List<PtxStatement> statements, List<PtxVariable> variables, LaunchLimits limits) {

    /**
     * What a kernel demands of its launch; a null array or 0 means that it says nothing.
     *
     * @param maximumThreads {@code .maxntid}
     * @param requiredThreads {@code .reqntid}
     * @param requiredCluster {@code .reqnctapercluster}
     * @param minimumBlocks {@code .minnctapersm}
     * @param maximumRegisters {@code .maxnreg}
     */
    public record LaunchLimits(int[] maximumThreads, int[] requiredThreads, int[] requiredCluster, int minimumBlocks,
                               int maximumRegisters) {
    }
}
