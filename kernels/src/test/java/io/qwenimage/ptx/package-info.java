/**
 * The PTX machine: runs the PTX of our kernels on any computer, inspects every access and counts what is done.
 *
 * <p>{@link io.qwenimage.ptx.PtxProgram#load} parses a module into a {@link io.qwenimage.ptx.memory.DeviceMemory};
 * {@link io.qwenimage.ptx.PtxMachine#launch} runs one of its kernels. An instruction is decoded once, by the decoder
 * that its opcode has in the {@link io.qwenimage.ptx.instruction.InstructionRegistry}, into an
 * {@link io.qwenimage.ptx.instruction.Operation} on the 32 lanes of a {@link io.qwenimage.ptx.execution.Warp}. To add
 * instructions, add decoders to the registry:
 *
 * <pre>
 * registry.add("popc", source -&gt; {
 *     final PtxType type = source.type();                                   // takes the modifier .b32
 *     final int target = source.destination(source.operand(0), PtxType.U32);
 *     final int from = source.intSource(source.operand(1), type);
 *     return (warp, mask) -&gt; { ... warp.ints(target)[lane] = Integer.bitCount(warp.ints(from)[lane]); ... };
 * });
 * </pre>
 *
 * <p>Modifiers that a decoder does not take make the instruction unsupported. Asynchronous work is left with
 * {@link io.qwenimage.ptx.execution.ClusterRun#defer}; waiting is done with
 * {@link io.qwenimage.ptx.execution.Warp#await} or, where the program polls, {@link
 * io.qwenimage.ptx.execution.Warp#stall}.
 */
package io.qwenimage.ptx;
