package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.execution.SpecialRegister;
import io.qwenimage.ptx.text.PtxRegister;
import io.qwenimage.ptx.text.PtxType;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/**
 * Gives every register, constant and special register of a function a slot in the warp's register file: values of up to
 * 32 bits in one bank (narrow ones zero-extended), of 64 bits in a second (one of 128 bits takes two slots, low half
 * first), predicates in a third. Constants live in slots too, so that an operation need not tell them from registers.
 */
public final class FunctionLayout {
    private final Map<PtxRegister, Integer> registers = new IdentityHashMap<>();
    private final Map<Integer, Integer> intConstants = new HashMap<>();
    private final Map<Long, Integer> longConstants = new HashMap<>();
    private final Map<SpecialRegister, Integer> specials = new EnumMap<>(SpecialRegister.class);
    private final Map<Long, Integer> localAddresses = new HashMap<>();
    private final List<Boolean> intIsRegister = new ArrayList<>();
    private final List<Boolean> longIsRegister = new ArrayList<>();
    private int predicates;

    /** The slot of a register, in the bank that its type asks for. */
    int slot(final PtxRegister register) {
        final Integer known = registers.get(register);
        if (known != null) {
            return known;
        }
        final int slot = switch (bank(register.type())) {
            case INT -> newInt(true);
            case LONG -> newLong(true);
            case PREDICATE -> predicates++;
        };
        if (register.type() == PtxType.B128) {
            newLong(true);
        }
        registers.put(register, slot);
        return slot;
    }

    int constant(final int value) {
        return intConstants.computeIfAbsent(value, v -> newInt(false));
    }

    int constant(final long value) {
        return longConstants.computeIfAbsent(value, v -> newLong(false));
    }

    int special(final SpecialRegister special) {
        return specials.computeIfAbsent(special, s -> s.bits() == 64 ? newLong(false) : newInt(false));
    }

    /** A slot that holds the address of a byte of the function's local frame. */
    int localAddress(final long offset) {
        return localAddresses.computeIfAbsent(offset, o -> newLong(false));
    }

    /** A slot for results that nobody reads. */
    int scratchInt() {
        return newInt(true);
    }

    int scratchLong() {
        return newLong(true);
    }

    int scratchPredicate() {
        return predicates++;
    }

    public int intSlots() {
        return intIsRegister.size();
    }

    public int longSlots() {
        return longIsRegister.size();
    }

    public int predicateSlots() {
        return predicates;
    }

    public boolean isIntRegister(final int slot) {
        return intIsRegister.get(slot);
    }

    public boolean isLongRegister(final int slot) {
        return longIsRegister.get(slot);
    }

    public Map<Integer, Integer> intConstants() {
        return intConstants;
    }

    public Map<Long, Integer> longConstants() {
        return longConstants;
    }

    public Map<SpecialRegister, Integer> specials() {
        return specials;
    }

    public Map<Long, Integer> localAddresses() {
        return localAddresses;
    }

    /** The bank in which values of a type are kept. */
    public static Bank bank(final PtxType type) {
        if (type == PtxType.PRED) {
            return Bank.PREDICATE;
        }
        return type.bits() <= 32 ? Bank.INT : Bank.LONG;
    }

    private int newInt(final boolean register) {
        intIsRegister.add(register);
        return intIsRegister.size() - 1;
    }

    private int newLong(final boolean register) {
        longIsRegister.add(register);
        return longIsRegister.size() - 1;
    }

    /** Where a register's value is kept. */
    public enum Bank { INT, LONG, PREDICATE }
}
