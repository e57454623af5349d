package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.counting.InstructionClass;
import io.qwenimage.ptx.execution.MemoryAccess;
import io.qwenimage.ptx.execution.MemoryOrder;
import io.qwenimage.ptx.execution.Warp;
import io.qwenimage.ptx.memory.Space;
import io.qwenimage.ptx.text.PtxOperand;
import io.qwenimage.ptx.text.PtxType;
import java.util.List;

/** Loads, stores and prefetches: {@code ld ldu st prefetch prefetchu applypriority discard createpolicy}. */
final class MemoryInstructions {
    private static final String[] WITHOUT_EFFECT = {"ca", "cg", "cs", "lu", "cv", "wb", "wt", "nc",
        "L1::evict_normal", "L1::evict_unchanged", "L1::evict_first", "L1::evict_last", "L1::no_allocate",
        "L2::evict_first", "L2::evict_last", "L2::evict_normal", "L2::64B", "L2::128B", "L2::256B",
        "gpu", "sys", "cta", "cluster"};

    private MemoryInstructions() {
    }

    static void register(final InstructionRegistry registry) {
        registry.add("ld", MemoryInstructions::load);
        registry.add("ldu", MemoryInstructions::load);
        registry.add("st", MemoryInstructions::store);
        registry.add("createpolicy", MemoryInstructions::createPolicy);
        registry.add("prefetch", MemoryInstructions::hint);
        registry.add("prefetchu", MemoryInstructions::hint);
        registry.add("applypriority", MemoryInstructions::hint);
        registry.add("discard", MemoryInstructions::discard);
    }

    private static Operation load(final InstructionSource source) {
        final Access access = access(source);
        final List<PtxOperand> targets = InstructionSource.elements(source.operand(0));
        requireElements(source, targets, access);
        source.classify(switch (access.space) {
            case GLOBAL, GENERIC -> InstructionClass.LOAD_GLOBAL;
            case SHARED -> InstructionClass.LOAD_SHARED;
            case LOCAL -> InstructionClass.LOAD_LOCAL;
            case PARAMETER, CONSTANT -> InstructionClass.LOAD_OTHER;
        });
        final ElementCopy[] elements = new ElementCopy[targets.size()];
        for (int i = 0; i < elements.length; i++) {
            final PtxOperand target = targets.get(i);
            final PtxType register = InstructionSource.isSink(target) ? access.type : source.registerType(target);
            if (register.bits() < access.type.bits()) {
                throw source.unsupported("a value of " + access.type.bits() + " bits in a register of "
                    + register.bits());
            }
            elements[i] = ElementCopy.load(access.type, FunctionLayout.bank(register),
                source.destination(target, register), i * access.type.bytes(), register.bits());
        }
        return new Load(access, elements);
    }

    private static Operation store(final InstructionSource source) {
        final Access access = access(source);
        final List<PtxOperand> values = InstructionSource.elements(source.operand(1));
        requireElements(source, values, access);
        source.classify(switch (access.space) {
            case SHARED -> InstructionClass.STORE_SHARED;
            case LOCAL, PARAMETER -> InstructionClass.STORE_LOCAL;
            default -> InstructionClass.STORE_GLOBAL;
        });
        final ElementCopy[] elements = new ElementCopy[values.size()];
        for (int i = 0; i < elements.length; i++) {
            final PtxOperand value = values.get(i);
            final PtxType register = source.isRegister(value) ? source.registerType(value) : access.type;
            final PtxType as = register.bits() > access.type.bits() ? register : access.type;
            elements[i] = ElementCopy.store(access.type, FunctionLayout.bank(register), source.source(value, as),
                i * access.type.bytes());
        }
        return new Store(access, elements);
    }

    /** Policies of the cache do not change results: any value will do. */
    private static Operation createPolicy(final InstructionSource source) {
        final Modifiers modifiers = source.modifiers();
        if (modifiers.takeAny("fractional", "range", "cvt") == null) {
            throw source.unsupported("the kind of policy is missing");
        }
        modifiers.ignore("L2", "global");
        while (modifiers.takePrefixed("L2::") != null) {
            source.classify(InstructionClass.INTEGER);
        }
        source.require("b64");
        final int target = source.destination(source.operand(0), PtxType.B64);
        return (warp, mask) -> {
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) != 0) {
                    warp.longs(target)[lane] = 0;
                }
            }
        };
    }

    /** Prefetches and priorities have no result. */
    private static Operation hint(final InstructionSource source) {
        source.modifiers().ignore("global", "local", "const", "param", "tensormap", "L1", "L2", "L2::evict_last",
            "L2::evict_normal");
        source.address(source.operand(0));
        return (warp, mask) -> { };
    }

    /** Discarded bytes have no value any more. */
    private static Operation discard(final InstructionSource source) {
        source.modifiers().ignore("global", "L2");
        final AddressOperand address = source.address(source.operand(0));
        if (!(source.operand(1) instanceof PtxOperand.Literal size)) {
            throw source.unsupported("the size is not a constant");
        }
        final int bytes = (int) size.bits();
        return (warp, mask) -> {
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) != 0
                    && warp.memory().write(Space.GENERIC, address.address(warp, lane), bytes, lane, false)) {
                    warp.memory().region().poison(warp.memory().index(), bytes);
                }
            }
        };
    }

    /** Reads the modifiers that loads and stores share, and the address (operand 1 of a load, 0 of a store). */
    private static Access access(final InstructionSource source) {
        final Modifiers modifiers = source.modifiers();
        final boolean load = source.opcode().startsWith("ld");
        final boolean ordering = modifiers.take("acquire") | modifiers.take("release");
        final boolean strong = modifiers.take("volatile") | modifiers.take("relaxed") | modifiers.take("mmio")
            | ordering;
        modifiers.take("weak");
        final String name = modifiers.takeAny("global", "shared", "shared::cta", "shared::cluster", "local", "param",
            "param::entry", "param::func", "const");
        final int vector = modifiers.take("v2") ? 2 : modifiers.take("v4") ? 4 : modifiers.take("v8") ? 8 : 1;
        final boolean hint = modifiers.take("L2::cache_hint");
        modifiers.ignore(WITHOUT_EFFECT);
        final PtxType type = source.type();
        source.requireOperands(2, hint ? 3 : 2);
        final AddressOperand address = source.address(source.operand(load ? 1 : 0));
        if (hint) {
            source.longSource(source.operand(2), PtxType.B64);
        }
        Space space = space(name);
        if (space == Space.PARAMETER && (address.space() == Space.LOCAL || !source.context().function().entry())) {
            space = Space.LOCAL;
        }
        if (space == Space.SHARED || space == Space.GENERIC) {
            source.accessesShared(type.bytes() * vector);
        }
        return new Access(space, type, address, vector * type.bytes(), strong, ordering);
    }

    private static void requireElements(final InstructionSource source, final List<PtxOperand> elements,
                                        final Access access) {
        if (elements.size() * access.type.bytes() != access.width) {
            throw source.unsupported(elements.size() + " elements of an access of " + access.width + " bytes");
        }
    }

    private static Space space(final String name) {
        if (name == null) {
            return Space.GENERIC;
        }
        return switch (name) {
            case "global" -> Space.GLOBAL;
            case "local" -> Space.LOCAL;
            case "const" -> Space.CONSTANT;
            case "shared", "shared::cta", "shared::cluster" -> Space.SHARED;
            default -> Space.PARAMETER;
        };
    }

    /**
     * What a load or store accesses.
     *
     * @param width bytes of all elements together
     * @param strong whether it may be used to synchronise
     * @param ordering whether it acquires or releases
     */
    private record Access(Space space, PtxType type, AddressOperand address, int width, boolean strong,
        boolean ordering) {
    }

    private record Load(Access access, ElementCopy[] elements) implements Operation {
        @Override
        public void execute(final Warp warp, final int mask) {
            final MemoryAccess memory = warp.memory();
            final long[] addresses = memory.addresses();
            access.address.addresses(warp, addresses);
            memory.countRequest(access.space, addresses, mask, access.width);
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) == 0) {
                    continue;
                }
                final boolean found = memory.read(access.space, addresses[lane], access.width, lane, access.strong);
                if (found && access.strong) {
                    MemoryOrder.of(warp).reads(memory.region(), memory.index(), access.ordering);
                }
                for (final ElementCopy element : elements) {
                    if (found) {
                        element.copy(warp, memory.region(), memory.index(), lane);
                    } else {
                        element.spoil(warp, lane);
                    }
                }
            }
        }
    }

    private record Store(Access access, ElementCopy[] elements) implements Operation {
        @Override
        public void execute(final Warp warp, final int mask) {
            final MemoryAccess memory = warp.memory();
            final long[] addresses = memory.addresses();
            access.address.addresses(warp, addresses);
            memory.countRequest(access.space, addresses, mask, access.width);
            for (int lane = 0; lane < 32; lane++) {
                if ((mask >>> lane & 1) != 0
                    && memory.beginStore(access.space, addresses[lane], access.width, lane, access.strong)) {
                    for (final ElementCopy element : elements) {
                        element.copy(warp, memory.region(), memory.index(), lane);
                    }
                    memory.endStore(access.width, lane);
                    if (access.strong) {
                        MemoryOrder.of(warp).writes(memory.region(), memory.index(), access.ordering);
                    }
                }
            }
        }
    }
}
