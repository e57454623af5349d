package io.qwenimage.ptx.tensor;

import io.qwenimage.ptx.execution.Warp;
import io.qwenimage.ptx.inspection.FindingKind;
import io.qwenimage.ptx.instruction.AddressOperand;
import io.qwenimage.ptx.instruction.InstructionRegistry;
import io.qwenimage.ptx.instruction.InstructionSource;
import io.qwenimage.ptx.instruction.Operation;
import io.qwenimage.ptx.memory.MemoryRegion;
import io.qwenimage.ptx.memory.Space;
import io.qwenimage.ptx.text.PtxOperand;
import io.qwenimage.ptx.text.PtxType;

/** Decodes {@code tensormap.*} and {@code fence.proxy.tensormap}. */
final class TensorMapInstructions {
    private static final String[] FIELDS = {"global_address", "rank", "box_dim", "global_dim", "global_stride",
        "element_stride", "elemtype", "interleave_layout", "swizzle_mode", "fill_mode"};

    private TensorMapInstructions() {
    }

    static void register(final InstructionRegistry registry) {
        registry.add("tensormap.replace", TensorMapInstructions::replace);
        registry.add("tensormap.cp_fenceproxy", TensorMapInstructions::copyFencing);
        registry.add("fence.proxy.tensormap::generic", TensorMapInstructions::fence);
    }

    private static Operation replace(final InstructionSource source) {
        source.require("tile");
        final String field = source.modifiers().takeAny(FIELDS);
        final Space space = space(source);
        source.require("b1024");
        final PtxType type = source.type();
        final boolean hasAxis = source.operandCount() == 3;
        source.requireOperands(2, 3);
        if (field == null) {
            throw source.unsupported("the field to replace is missing or not known");
        }
        final AddressOperand address = source.address(source.operand(0));
        final int axis = hasAxis ? immediate(source, 1) : 0;
        final int value = source.source(source.operand(hasAxis ? 2 : 1), type);
        final boolean wide = type.bits() == Long.SIZE;
        return (warp, mask) -> MbarrierInstructions.forEach(warp, mask, lane -> {
            final long replacement = wide ? warp.longs(value)[lane] : warp.ints(value)[lane];
            if (locate(warp, space, address.address(warp, lane), lane, true)) {
                try {
                    TensorMap.replace(warp.memory().region().bytes(), warp.memory().index(), field, axis, replacement);
                } catch (final IllegalArgumentException breach) {
                    warp.report(FindingKind.INVALID_OPERAND, lane, breach.getMessage());
                }
            }
        });
    }

    /** Copies a map from shared to global memory and releases it to the tensor map proxy; one copy for a warp. */
    private static Operation copyFencing(final InstructionSource source) {
        source.modifiers().ignore("global", "shared::cta", "tensormap::generic", "release", "cta", "cluster", "gpu",
            "sys", "sync");
        source.require("aligned");
        source.aligned();
        final AddressOperand to = source.address(source.operand(0));
        final AddressOperand from = source.address(source.operand(1));
        if (immediate(source, 2) != TensorMap.BYTES) {
            throw source.unsupported("a tensor map has " + TensorMap.BYTES + " bytes");
        }
        return (warp, mask) -> {
            final int lane = Integer.numberOfTrailingZeros(mask);
            if (!locate(warp, Space.SHARED, from.address(warp, lane), lane, false)) {
                return;
            }
            final MemoryRegion map = warp.memory().region();
            final int index = warp.memory().index();
            final long address = to.address(warp, lane);
            if (locate(warp, Space.GLOBAL, address, lane, true)) {
                System.arraycopy(map.bytes(), index, warp.memory().region().bytes(), warp.memory().index(),
                    TensorMap.BYTES);
                warp.memory().region().markWritten(warp.memory().index(), TensorMap.BYTES);
                TensorMaps.of(warp.cluster()).written(address);
            }
        };
    }

    private static Operation fence(final InstructionSource source) {
        final boolean acquires = source.modifiers().take("acquire");
        source.modifiers().ignore("release", "cta", "cluster", "gpu", "sys");
        if (!acquires) {
            return (warp, mask) -> { };
        }
        final AddressOperand address = source.address(source.operand(0));
        if (immediate(source, 1) != TensorMap.BYTES) {
            throw source.unsupported("a tensor map has " + TensorMap.BYTES + " bytes");
        }
        return (warp, mask) -> MbarrierInstructions.forEach(warp, mask,
            lane -> TensorMaps.of(warp.cluster()).acquired(address.address(warp, lane)));
    }

    /** Inspects an access to all bytes of a map. */
    private static boolean locate(final Warp warp, final Space space, final long address, final int lane,
        final boolean writes) {
        if ((address & TensorMap.ALIGNMENT - 1) != 0) {
            warp.report(FindingKind.MISALIGNED, lane, "tensor map address 0x" + Long.toHexString(address)
                + " is not a multiple of " + TensorMap.ALIGNMENT);
            return false;
        }
        for (int i = TensorMap.BYTES - Long.BYTES; i >= 0; i -= Long.BYTES) {
            final boolean found = writes ? warp.memory().write(space, address + i, Long.BYTES, lane, false)
                : warp.memory().read(space, address + i, Long.BYTES, lane, false);
            if (!found) {
                return false;
            }
        }
        return true;
    }

    private static Space space(final InstructionSource source) {
        final String named = source.modifiers().takeAny("global", "shared::cta");
        return named == null ? Space.GENERIC : named.equals("global") ? Space.GLOBAL : Space.SHARED;
    }

    static int immediate(final InstructionSource source, final int operand) {
        if (source.operand(operand) instanceof final PtxOperand.Literal literal) {
            return (int) literal.bits();
        }
        throw source.unsupported("operand " + (operand + 1) + " has to be a constant");
    }
}
