package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.execution.Warp;
import io.qwenimage.ptx.inspection.FindingKind;
import io.qwenimage.ptx.memory.DeviceMemory;
import io.qwenimage.ptx.memory.MemoryRegion;
import io.qwenimage.ptx.memory.Space;
import io.qwenimage.ptx.text.PtxOperand;
import io.qwenimage.ptx.text.PtxVariable;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * The functions that a kernel may call without the module having them: {@code vprintf __assertfail malloc free}, see
 * "System Calls" in NVIDIA's PTX interoperability guide. What is printed goes nowhere.
 */
final class SystemCalls {
    private static final int LONGEST_TEXT = 1024;
    /** The heap of a device has 8 MiB unless the host asks for more. */
    private static final long LARGEST_ALLOCATION = 8 << 20;

    private SystemCalls() {
    }

    /** The call as an operation; null when the system has no such function. */
    static Operation decode(final InstructionSource source, final String function, final List<PtxOperand> arguments,
                            final List<PtxOperand> results) {
        return switch (function) {
            case "vprintf" -> print(source, arguments, results);
            case "__assertfail" -> fail(source, arguments);
            case "malloc" -> allocate(source, arguments, results);
            case "free" -> free(source, arguments);
            default -> null;
        };
    }

    /** Returns how many arguments the format asks for, as the device's printf does. */
    private static Operation print(final InstructionSource source, final List<PtxOperand> arguments,
                                   final List<PtxOperand> results) {
        requireCount(source, arguments, 2);
        final int format = offset(source, arguments.get(0));
        final int result = results.isEmpty() ? -1 : offset(source, results.get(0));
        return (warp, mask) -> {
            for (int lane = 0; lane < Warp.LANES; lane++) {
                if ((mask >>> lane & 1) != 0) {
                    final int count = conversions(text(warp, lane, value(warp, lane, format)));
                    if (result >= 0) {
                        warp.localMemory().putInt(place(warp, lane, result), count);
                    }
                }
            }
        };
    }

    private static Operation fail(final InstructionSource source, final List<PtxOperand> arguments) {
        requireCount(source, arguments, 5);
        final int message = offset(source, arguments.get(0));
        final int file = offset(source, arguments.get(1));
        final int line = offset(source, arguments.get(2));
        final int function = offset(source, arguments.get(3));
        return (ControlOperation) (warp, mask) -> {
            for (int lane = 0; lane < Warp.LANES; lane++) {
                if ((mask >>> lane & 1) != 0) {
                    warp.report(FindingKind.TRAP, lane, "assertion `" + text(warp, lane, value(warp, lane, message))
                        + "` fails in " + text(warp, lane, value(warp, lane, function)) + ", "
                        + text(warp, lane, value(warp, lane, file)) + ":"
                        + warp.localMemory().getInt(place(warp, lane, line)));
                }
            }
            warp.exit(mask);
        };
    }

    /** The bytes count as never written. */
    private static Operation allocate(final InstructionSource source, final List<PtxOperand> arguments,
                                      final List<PtxOperand> results) {
        requireCount(source, arguments, 1);
        requireCount(source, results, 1);
        final int size = offset(source, arguments.get(0));
        final int result = offset(source, results.get(0));
        return (warp, mask) -> {
            for (int lane = 0; lane < Warp.LANES; lane++) {
                if ((mask >>> lane & 1) != 0) {
                    final long bytes = value(warp, lane, size);
                    final boolean possible = bytes >= 0 && bytes <= LARGEST_ALLOCATION;
                    warp.localMemory().putLong(place(warp, lane, result), possible
                        ? warp.launch().memory().allocate(bytes, DeviceMemory.ALIGNMENT, "allocation of the kernel")
                        : 0);
                }
            }
        };
    }

    private static Operation free(final InstructionSource source, final List<PtxOperand> arguments) {
        requireCount(source, arguments, 1);
        final int address = offset(source, arguments.get(0));
        return (warp, mask) -> {
            for (int lane = 0; lane < Warp.LANES; lane++) {
                if ((mask >>> lane & 1) != 0 && value(warp, lane, address) != 0) {
                    try {
                        warp.launch().memory().free(value(warp, lane, address));
                    } catch (final IllegalArgumentException breach) {
                        warp.report(FindingKind.USE_AFTER_FREE, lane, "free: " + breach.getMessage());
                    }
                }
            }
        };
    }

    private static void requireCount(final InstructionSource source, final List<PtxOperand> arguments,
                                     final int count) {
        if (arguments.size() != count) {
            throw source.unsupported(arguments.size() + " arguments where " + count + " are expected");
        }
    }

    private static int offset(final InstructionSource source, final PtxOperand operand) {
        final PtxVariable variable = source.variableOrNull(operand);
        if (variable == null) {
            throw source.unsupported("an argument is not a variable");
        }
        return (int) source.context().addressOf(variable);
    }

    private static int place(final Warp warp, final int lane, final int offset) {
        return lane * (warp.localMemory().size() / Warp.LANES) + warp.frame().localBase() + offset;
    }

    private static long value(final Warp warp, final int lane, final int offset) {
        return warp.localMemory().getLong(place(warp, lane, offset));
    }

    /** The bytes at a generic address up to the first zero. */
    private static String text(final Warp warp, final int lane, final long address) {
        final ByteArrayOutputStream text = new ByteArrayOutputStream();
        for (long at = address; address != 0 && text.size() < LONGEST_TEXT; at++) {
            if (!warp.memory().read(Space.GENERIC, at, 1, lane, false)) {
                break;
            }
            final MemoryRegion region = warp.memory().region();
            final byte character = region.getByte(warp.memory().index());
            if (character == 0) {
                break;
            }
            text.write(character);
        }
        return text.toString(StandardCharsets.UTF_8);
    }

    private static int conversions(final String format) {
        int count = 0;
        for (int i = 0; i < format.length(); i++) {
            if (format.charAt(i) == '%') {
                if (i + 1 < format.length() && format.charAt(i + 1) == '%') {
                    i++;
                } else {
                    count++;
                }
            }
        }
        return count;
    }
}
