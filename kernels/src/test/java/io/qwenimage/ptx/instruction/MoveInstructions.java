package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.counting.InstructionClass;
import io.qwenimage.ptx.instruction.FunctionLayout.Bank;
import io.qwenimage.ptx.memory.AddressMap;
import io.qwenimage.ptx.memory.Space;
import io.qwenimage.ptx.text.PtxOperand;
import io.qwenimage.ptx.text.PtxType;
import java.util.List;

/** Moves, packing and unpacking, and addresses: {@code mov cvta isspacep mapa}. */
final class MoveInstructions {
    private MoveInstructions() {
    }

    static void register(final InstructionRegistry registry) {
        registry.add("mov", MoveInstructions::move);
        registry.add("cvta", MoveInstructions::convertAddress);
        registry.add("isspacep", MoveInstructions::isInSpace);
        registry.add("mapa", MoveInstructions::mapAddress);
        registry.add("getctarank", MoveInstructions::blockRank);
    }

    private static Operation move(final InstructionSource source) {
        source.classify(InstructionClass.MOVE);
        source.requireOperands(2, 2);
        final PtxType type = source.type();
        final PtxOperand target = source.operand(0);
        final PtxOperand from = source.operand(1);
        source.passesOn();
        if (target instanceof PtxOperand.Vector) {
            return unpack(source, type);
        }
        if (from instanceof PtxOperand.Vector) {
            return pack(source, type);
        }
        if (type == PtxType.PRED) {
            return movePredicate(source);
        }
        if (type.bits() == 32 && source.spaceOfVariable(from) == Space.LOCAL) {
            final int address = source.longSource(from, PtxType.U64);
            return Lanes.narrowing(source.destination(target, type), address, x -> (int) x);
        }
        final Operation move = copy(source.destination(target, type), moveSource(source, from, type), type);
        if (type != PtxType.B128) {
            return move;
        }
        final int high = source.destination(target, type) + 1;
        return both(move, copy(high, source.longSource(from, type) + 1, PtxType.B64));
    }

    private static int moveSource(final InstructionSource source, final PtxOperand from, final PtxType type) {
        if (from instanceof PtxOperand.Address address) {
            // mov.u64 %rd, variable + 8
            final AddressOperand place = source.address(address);
            return place.offset() == 0 ? place.slot() : source.addressSlot(address);
        }
        return source.source(from, type);
    }

    private static Operation movePredicate(final InstructionSource source) {
        final int target = source.predicateDestination(source.operand(0));
        if (source.operand(1) instanceof PtxOperand.Literal literal) {
            final int values = literal.bits() != 0 ? -1 : 0;
            return (warp, mask) -> warp.setPredicate(target, mask, values);
        }
        final PredicateOperand from = source.predicate(source.operand(1));
        return (warp, mask) -> warp.setPredicate(target, mask, from.lanes(warp));
    }

    /** Copies within a bank. */
    static Operation copy(final int target, final int from, final PtxType type) {
        if (FunctionLayout.bank(type) == Bank.INT) {
            return (warp, mask) -> {
                final int[] x = warp.ints(from);
                final int[] result = warp.ints(target);
                if (mask == -1) {
                    System.arraycopy(x, 0, result, 0, 32);
                    return;
                }
                for (int lane = 0; lane < 32; lane++) {
                    if ((mask >>> lane & 1) != 0) {
                        result[lane] = x[lane];
                    }
                }
            };
        }
        return (warp, mask) -> {
            final long[] x = warp.longs(from);
            final long[] result = warp.longs(target);
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) != 0) {
                    result[lane] = x[lane];
                }
            }
        };
    }

    /** {@code mov.b64 %rd, {%r0, %r1}}: the first element is the least significant. */
    private static Operation pack(final InstructionSource source, final PtxType type) {
        final List<PtxOperand> elements = InstructionSource.elements(source.operand(1));
        final int width = type.bits() / elements.size();
        if (type.bits() == 128) {
            return packQuad(source, elements);
        }
        final int[] slots = new int[elements.size()];
        for (int i = 0; i < slots.length; i++) {
            slots[i] = source.intSource(elements.get(i), ofBits(width));
        }
        final int target = source.destination(source.operand(0), type);
        final long element = (1L << width) - 1;
        final boolean narrow = type.bits() <= 32;
        return (warp, mask) -> {
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) != 0) {
                    long value = 0;
                    for (int i = 0; i < slots.length; i++) {
                        value |= (warp.ints(slots[i])[lane] & element) << i * width;
                    }
                    if (narrow) {
                        warp.ints(target)[lane] = (int) value;
                    } else {
                        warp.longs(target)[lane] = value;
                    }
                }
            }
        };
    }

    private static Operation unpack(final InstructionSource source, final PtxType type) {
        final List<PtxOperand> elements = InstructionSource.elements(source.operand(0));
        final int width = type.bits() / elements.size();
        if (type.bits() == 128) {
            return unpackQuad(source, elements);
        }
        final int from = source.source(source.operand(1), type);
        final int[] slots = new int[elements.size()];
        for (int i = 0; i < slots.length; i++) {
            slots[i] = source.destination(elements.get(i), ofBits(width));
        }
        final long element = (1L << width) - 1;
        final boolean narrow = type.bits() <= 32;
        return (warp, mask) -> {
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) != 0) {
                    final long value = narrow ? warp.ints(from)[lane] & 0xffffffffL : warp.longs(from)[lane];
                    for (int i = 0; i < slots.length; i++) {
                        warp.ints(slots[i])[lane] = (int) (value >>> i * width & element);
                    }
                }
            }
        };
    }

    private static Operation packQuad(final InstructionSource source, final List<PtxOperand> elements) {
        requireHalves(source, elements);
        final int target = source.destination(source.operand(0), PtxType.B128);
        return both(copy(target, source.longSource(elements.get(0), PtxType.B64), PtxType.B64),
            copy(target + 1, source.longSource(elements.get(1), PtxType.B64), PtxType.B64));
    }

    private static Operation unpackQuad(final InstructionSource source, final List<PtxOperand> elements) {
        requireHalves(source, elements);
        final int from = source.longSource(source.operand(1), PtxType.B128);
        return both(copy(source.destination(elements.get(0), PtxType.B64), from, PtxType.B64),
            copy(source.destination(elements.get(1), PtxType.B64), from + 1, PtxType.B64));
    }

    private static void requireHalves(final InstructionSource source, final List<PtxOperand> elements) {
        if (elements.size() != 2) {
            throw source.unsupported("a 128-bit value of " + elements.size() + " elements");
        }
    }

    private static Operation both(final Operation first, final Operation second) {
        return (warp, mask) -> {
            first.execute(warp, mask);
            second.execute(warp, mask);
        };
    }

    private static PtxType ofBits(final int bits) {
        return switch (bits) {
            case 8 -> PtxType.B8;
            case 16 -> PtxType.B16;
            case 32 -> PtxType.B32;
            default -> PtxType.B64;
        };
    }

    /** {@code cvta.space} makes a generic address, {@code cvta.to.space} an address of the space. */
    private static Operation convertAddress(final InstructionSource source) {
        source.classify(InstructionClass.INTEGER);
        source.requireOperands(2, 2);
        final boolean to = source.modifiers().take("to");
        final Space space = space(source);
        final PtxType type = source.type();
        if (type.bits() != 64) {
            throw source.unsupported("32-bit addresses are not generic here: type " + type);
        }
        if (source.isRegister(source.operand(1)) && source.registerType(source.operand(1)).bits() == 32) {
            throw source.unsupported("a generic address of 32 bits");
        }
        final int target = source.destination(source.operand(0), type);
        final int from = source.operand(1) instanceof PtxOperand.Address address ? source.addressSlot(address)
            : source.longSource(source.operand(1), type);
        final long window = AddressMap.windowOf(space);
        return Lanes.longs(target, from, to ? address -> address - window : address -> address + window);
    }

    private static Operation isInSpace(final InstructionSource source) {
        source.classify(InstructionClass.INTEGER);
        final Space space = space(source);
        final int target = source.predicateDestination(source.operand(0));
        final int from = source.longSource(source.operand(1), PtxType.U64);
        return (warp, mask) -> {
            int values = 0;
            for (int lane = 0; lane < 32; lane++) {
                final Space of = AddressMap.spaceOf(warp.longs(from)[lane]);
                values |= (of == space || space == Space.CONSTANT && of == Space.GLOBAL ? 1 : 0) << lane;
            }
            warp.setPredicate(target, mask, values);
        };
    }

    /** The address of the same byte in the shared memory of another block of the cluster. */
    private static Operation mapAddress(final InstructionSource source) {
        source.classify(InstructionClass.INTEGER);
        final boolean sharedAddress = source.modifiers().take("shared::cluster");
        final PtxType type = source.type();
        final int target = source.destination(source.operand(0), type);
        final int from = source.source(source.operand(1), type);
        final int rank = source.intSource(source.operand(2), PtxType.U32);
        final long low = (1L << AddressMap.RANK_SHIFT) - 1;
        final long window = sharedAddress ? 0 : AddressMap.SHARED_WINDOW;
        if (type.bits() == 32) {
            return Lanes.ints(target, from, rank,
                (address, block) -> (int) (address & low | (long) block + 1 << AddressMap.RANK_SHIFT));
        }
        return Lanes.shift(target, from, rank,
            (address, block) -> window + (address - window & low | (long) block + 1 << AddressMap.RANK_SHIFT));
    }

    private static Operation blockRank(final InstructionSource source) {
        source.classify(InstructionClass.INTEGER);
        final boolean sharedAddress = source.modifiers().take("shared::cluster");
        final PtxType type = source.type();
        final int target = source.destination(source.operand(0), PtxType.U32);
        final AddressOperand from = source.address(source.operand(1));
        final long window = sharedAddress || type.bits() == 32 ? 0 : AddressMap.SHARED_WINDOW;
        return (warp, mask) -> {
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) != 0) {
                    final int rank = (int) (from.address(warp, lane) - window >>> AddressMap.RANK_SHIFT) - 1;
                    warp.ints(target)[lane] = rank < 0 ? warp.block().rank() : rank;
                }
            }
        };
    }

    private static Space space(final InstructionSource source) {
        final String name = source.modifiers().takeAny("global", "shared", "shared::cta", "shared::cluster", "local",
            "const", "param", "param::entry");
        if (name == null) {
            throw source.unsupported("the space is missing");
        }
        return switch (name) {
            case "global" -> Space.GLOBAL;
            case "local" -> Space.LOCAL;
            case "const" -> Space.CONSTANT;
            case "param", "param::entry" -> Space.PARAMETER;
            default -> Space.SHARED;
        };
    }
}
