package io.qwenimage.ptx.tensor;

import io.qwenimage.ptx.execution.Warp;
import io.qwenimage.ptx.inspection.FindingKind;
import io.qwenimage.ptx.instruction.AddressOperand;
import io.qwenimage.ptx.instruction.InstructionRegistry;
import io.qwenimage.ptx.instruction.InstructionSource;
import io.qwenimage.ptx.instruction.Operation;
import io.qwenimage.ptx.memory.AddressMap;
import io.qwenimage.ptx.memory.Space;
import io.qwenimage.ptx.text.PtxOperand;
import io.qwenimage.ptx.text.PtxType;
import java.util.List;

/** Decodes bulk copies of boxes of tensors, which a tensor map describes. */
final class TensorCopyInstructions {
    /** What the shared address of a box must be a multiple of. */
    private static final int ALIGNMENT = 128;
    private static final String[] DIMENSIONS = {"1d", "2d", "3d", "4d", "5d"};

    private TensorCopyInstructions() {
    }

    static void register(final InstructionRegistry registry) {
        registry.add("cp.async.bulk.tensor", TensorCopyInstructions::copy);
        registry.add("cp.reduce.async.bulk.tensor", TensorCopyInstructions::reduce);
        registry.add("cp.async.bulk.prefetch.tensor", TensorCopyInstructions::prefetch);
    }

    private static Operation copy(final InstructionSource source) {
        final String dimensions = dimensions(source);
        final String first = BulkInstructions.takeFirst(source, "shared::cluster", "shared::cta", "global");
        final String second = BulkInstructions.takeFirst(source, "shared::cta", "global");
        tile(source);
        final BulkInstructions.Cached cached = BulkInstructions.Cached.take(source);
        if ("global".equals(first) && "shared::cta".equals(second)) {
            source.require("bulk_group");
            return store(source, dimensions, null, cached);
        }
        if (first == null || first.equals("global") || !"global".equals(second)) {
            throw source.unsupported("tensor copies from " + second + " to " + first + " are not known");
        }
        source.require("mbarrier::complete_tx::bytes");
        return load(source, dimensions, cached);
    }

    private static Operation load(final InstructionSource source, final String dimensions,
        final BulkInstructions.Cached cached) {
        final boolean multicast = source.modifiers().take("multicast::cluster");
        source.requireOperands(3 + (multicast ? 1 : 0), 3 + (multicast ? 1 : 0) + cached.operands());
        final AddressOperand to = source.address(source.operand(0));
        final BoxOperand box = BoxOperand.of(source, 1, dimensions);
        final AddressOperand barrier = source.address(source.operand(2));
        final int blocks = multicast ? source.intSource(source.operand(3), PtxType.U16) : -1;
        return (warp, mask) -> MbarrierInstructions.forEach(warp, mask, lane -> {
            final TensorBox moved = box.find(warp, lane);
            if (moved == null) {
                return;
            }
            final SharedPlace target = SharedPlace.find(warp, Space.SHARED, to.address(warp, lane), ALIGNMENT,
                moved.map().sharedBytes(), lane);
            final SharedPlace signal = BulkInstructions.signal(warp, barrier, lane);
            if (target != null && signal != null) {
                BulkInstructions.forBlocks(warp, target, signal, multicast ? warp.ints(blocks)[lane] : -1,
                    (place, bell) -> BulkLoad.start(warp, lane, place, bell, moved));
            }
        });
    }

    private static Operation reduce(final InstructionSource source) {
        final String dimensions = dimensions(source);
        source.require("global");
        source.require("shared::cta");
        tile(source);
        source.require("bulk_group");
        final BulkInstructions.Cached cached = BulkInstructions.Cached.take(source);
        final String operation = source.modifiers().takeAny("add", "min", "max", "inc", "dec", "and", "or", "xor");
        if (operation == null) {
            throw source.unsupported("the reduction is missing");
        }
        return store(source, dimensions, operation, cached);
    }

    private static Operation store(final InstructionSource source, final String dimensions, final String reduction,
                                   final BulkInstructions.Cached cached) {
        source.requireOperands(2, 2 + cached.operands());
        final BoxOperand box = BoxOperand.of(source, 0, dimensions);
        final AddressOperand from = source.address(source.operand(1));
        return (warp, mask) -> MbarrierInstructions.forEach(warp, mask, lane -> {
            final TensorBox moved = box.find(warp, lane);
            if (moved == null) {
                return;
            }
            final SharedPlace origin = SharedPlace.find(warp, Space.SHARED, from.address(warp, lane), ALIGNMENT,
                moved.map().sharedBytes(), lane);
            if (origin != null) {
                final int base = (int) origin.block().shared().base();
                BulkGroups.of(warp).add(warp, lane, new BulkStore(warp, lane, origin.block(),
                    Segments.ofStore(moved, base + origin.offset(), base),
                    reduction == null ? null : BulkReduction.of(reduction, moved.map().element())));
            }
        });
    }

    /** A prefetch changes nothing, but its operands have to be right. */
    private static Operation prefetch(final InstructionSource source) {
        final String dimensions = dimensions(source);
        source.require("L2");
        source.require("global");
        tile(source);
        BulkInstructions.Cached.take(source);
        final BoxOperand box = BoxOperand.of(source, 0, dimensions);
        return (warp, mask) -> MbarrierInstructions.forEach(warp, mask, lane -> box.find(warp, lane));
    }

    private static String dimensions(final InstructionSource source) {
        final String dimensions = source.modifiers().takeAny(DIMENSIONS);
        if (dimensions == null) {
            throw source.unsupported("the number of dimensions is missing");
        }
        return dimensions;
    }

    private static void tile(final InstructionSource source) {
        source.modifiers().ignore("tile");
        final String other = source.modifiers().takePrefixed("im2col");
        if (other != null) {
            throw source.unsupported("mode ." + other + " is not supported: only tiles are");
        }
    }

    /** The operand {@code [map, {coordinates}]}. */
    private record BoxOperand(AddressOperand map, int[] coordinates) {
        static BoxOperand of(final InstructionSource source, final int operand, final String dimensions) {
            if (!(source.operand(operand) instanceof final PtxOperand.Address address) || address.further().isEmpty()) {
                throw source.unsupported("operand " + (operand + 1) + " is not of the form [map, {coordinates}]");
            }
            final List<PtxOperand> coordinates = InstructionSource.elements(address.further().get(0));
            if (coordinates.size() != dimensions.charAt(0) - '0') {
                throw source.unsupported(coordinates.size() + " coordinates for " + dimensions);
            }
            return new BoxOperand(source.address(address),
                coordinates.stream().mapToInt(coordinate -> source.intSource(coordinate, PtxType.S32)).toArray());
        }

        /** The box that a lane names; null, after a finding, when its map or rank is wrong. */
        TensorBox find(final Warp warp, final int lane) {
            final TensorMap found = TensorMaps.of(warp.cluster()).find(warp, lane, generic(warp, lane));
            if (found == null) {
                return null;
            }
            final int[] origin = new int[coordinates.length];
            for (int i = 0; i < origin.length; i++) {
                origin[i] = warp.ints(coordinates[i])[lane];
            }
            try {
                return new TensorBox(found, origin);
            } catch (final IllegalArgumentException breach) {
                warp.report(FindingKind.INVALID_OPERAND, lane, breach.getMessage());
                return SharedPlace.trap(warp);
            }
        }

        private long generic(final Warp warp, final int lane) {
            final long address = map.address(warp, lane);
            return map.space() == null ? address : address + AddressMap.windowOf(map.space());
        }
    }
}
