package io.qwenimage.kernels.standin;

import io.qwenimage.ptx.PtxProgram;

/**
 * A loaded module.
 *
 * @param context where it is loaded
 * @param image its name in messages
 * @param architecture that its figures are of: {@code sm_80}
 * @param program what the PTX machine runs
 * @param figures JSON of the build, or null where there is none
 * @param cubin content of the image, or null where it is PTX
 */
record PosedModule(PosedContext context, String image, String architecture, PtxProgram program, String figures,
                   byte[] cubin) {
}
