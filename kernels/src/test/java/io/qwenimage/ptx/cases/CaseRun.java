package io.qwenimage.ptx.cases;

import io.qwenimage.ptx.LaunchOptions;
import io.qwenimage.ptx.LaunchResult;
import io.qwenimage.ptx.PtxMachine;
import io.qwenimage.ptx.PtxProgram;
import io.qwenimage.ptx.instruction.DecodedKernel;
import io.qwenimage.ptx.instruction.UnsupportedInstructionException;
import io.qwenimage.ptx.memory.DeviceMemory;
import io.qwenimage.ptx.text.PtxSyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What came of a case.
 *
 * @param problems what was found or fell short; empty when the case holds
 * @param after the buffers after the launch
 * @param launch findings and counters
 */
record CaseRun(List<String> problems, Map<String, StoredTensor> after, LaunchResult launch) {
    boolean holds() {
        return problems.isEmpty();
    }

    /** Runs a case; throws {@link BrokenCaseException} when it cannot be launched. */
    static CaseRun of(final CaseFolder folder, final LaunchOptions options) {
        final DeviceMemory memory = new DeviceMemory();
        final Map<String, Long> addresses = new LinkedHashMap<>();
        folder.before().forEach((name, tensor) -> {
            final long address = memory.allocate(tensor.bytes().length, DeviceMemory.ALIGNMENT, "buffer " + name);
            memory.write(address, tensor.bytes(), 0, tensor.bytes().length);
            addresses.put(name, address);
        });
        final LaunchResult result = launch(folder, memory, addresses, options);
        final Map<String, StoredTensor> after = new LinkedHashMap<>();
        folder.before().forEach((name, tensor) -> {
            final byte[] bytes = new byte[tensor.bytes().length];
            memory.read(addresses.get(name), bytes, 0, bytes.length);
            after.put(name, new StoredTensor(tensor.type(), tensor.shape(), bytes));
        });
        final List<String> problems = new ArrayList<>();
        result.findings().forEach(finding -> problems.add(finding.toString()));
        folder.expected().forEach((name, expected) -> {
            final byte[] actual = after.get(name).bytes();
            final Differences differences = new Differences(expected, folder.absolute(), folder.relative());
            final byte[] unspilled = new byte[actual.length];
            memory.readWithoutSpills(addresses.get(name), unspilled, 0, unspilled.length);
            differences.settle(actual, unspilled);
            final String difference = differences.describe(name, actual);
            if (difference != null) {
                problems.add(difference);
            }
        });
        return new CaseRun(problems, after, result);
    }

    private static LaunchResult launch(final CaseFolder folder, final DeviceMemory memory,
                                       final Map<String, Long> addresses, final LaunchOptions options) {
        try {
            final PtxProgram program = PtxProgram.load(folder.ptx(), memory);
            final byte[] arguments = arguments(folder, program.kernel(folder.entry()), addresses);
            return PtxMachine.launch(program, folder.entry(), folder.grid(), folder.block(),
                folder.dynamicSharedBytes(), arguments, options);
        } catch (final PtxSyntaxException | UnsupportedInstructionException | IllegalArgumentException
                       | IllegalStateException e) {
            throw new BrokenCaseException(e.getMessage());
        }
    }

    /** The arguments as they lie in the .param space. */
    static byte[] arguments(final CaseFolder folder, final DecodedKernel kernel, final Map<String, Long> addresses) {
        if (folder.arguments().size() != kernel.parameters().size()) {
            throw new BrokenCaseException("case.json has " + folder.arguments().size() + " arguments, kernel "
                + kernel.name() + " has " + kernel.parameters().size() + " parameters");
        }
        final ByteBuffer bytes = ByteBuffer.allocate(kernel.parameterBytes()).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < folder.arguments().size(); i++) {
            final CaseFolder.Argument argument = folder.arguments().get(i);
            final int width = kernel.parameters().get(i).bytes();
            final long value = argument.buffer() == null ? argument.bits() : addresses.get(argument.buffer());
            if (width > argument.bytes() || width < argument.bytes() && argument.bytes() == 8) {
                throw new BrokenCaseException("argument " + i + " has " + argument.bytes() + " bytes, parameter "
                    + kernel.parameters().get(i).name() + " has " + width);
            }
            for (int at = 0; at < width; at++) {
                bytes.put(kernel.parameterOffsets()[i] + at, (byte) (value >>> 8 * at));
            }
        }
        return bytes.array();
    }
}
