package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.text.PtxFunction;
import io.qwenimage.ptx.text.PtxVariable;
import java.util.List;

/**
 * A kernel ready to run.
 *
 * @param entry its code
 * @param instructions all instructions of it and of the functions it calls, by their ids
 * @param parameters its parameters
 * @param parameterOffsets byte offset of each parameter
 * @param parameterBytes bytes of all parameters
 * @param staticSharedBytes bytes of shared memory besides the dynamic ones
 * @param localBytes bytes of local memory for each thread
 * @param sharedGranule width of the narrowest access to shared memory
 * @param limits what it demands of a launch
 */
public record DecodedKernel(DecodedFunction entry, List<DecodedInstruction> instructions, List<PtxVariable> parameters,
                            int[] parameterOffsets, int parameterBytes, int staticSharedBytes, int localBytes,
                            int sharedGranule, PtxFunction.LaunchLimits limits) {
    public String name() {
        return entry.name();
    }
}
