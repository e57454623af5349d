package io.qwenimage.ptx.text;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The names declared between one pair of braces; an inner scope sees those of the outer ones. */
public final class Scope {
    private final Scope outer;
    private final Map<String, PtxRegister> registers = new HashMap<>();
    private final Map<String, Range> ranges = new HashMap<>();
    private final Map<String, PtxVariable> variables = new HashMap<>();
    private final Map<String, Integer> labels = new HashMap<>();
    private final Map<String, List<String>> targetLists = new HashMap<>();

    Scope(final Scope outer) {
        this.outer = outer;
    }

    /** The register of that name, or null. */
    public PtxRegister register(final String name) {
        for (Scope scope = this; scope != null; scope = scope.outer) {
            final PtxRegister register = scope.own(name);
            if (register != null) {
                return register;
            }
        }
        return null;
    }

    /** The variable of that name, or null. */
    public PtxVariable variable(final String name) {
        for (Scope scope = this; scope != null; scope = scope.outer) {
            final PtxVariable variable = scope.variables.get(name);
            if (variable != null) {
                return variable;
            }
        }
        return null;
    }

    /** Index of the statement that the label stands before, or -1. */
    public int label(final String name) {
        for (Scope scope = this; scope != null; scope = scope.outer) {
            final Integer position = scope.labels.get(name);
            if (position != null) {
                return position;
            }
        }
        return -1;
    }

    /** The labels or functions that a {@code .branchtargets} or {@code .calltargets} list names, or null. */
    public List<String> targetList(final String name) {
        for (Scope scope = this; scope != null; scope = scope.outer) {
            final List<String> targets = scope.targetLists.get(name);
            if (targets != null) {
                return targets;
            }
        }
        return null;
    }

    void declare(final String name, final PtxType type) {
        registers.put(name, new PtxRegister(name, type));
    }

    void declareRange(final String prefix, final PtxType type, final int count) {
        ranges.put(prefix, new Range(type, count));
    }

    void declare(final PtxVariable variable) {
        variables.put(variable.name(), variable);
    }

    void label(final String name, final int position, final int line) {
        if (labels.put(name, position) != null) {
            throw new PtxSyntaxException(line, "label " + name + " is defined twice");
        }
    }

    void targetList(final String name, final List<String> targets) {
        targetLists.put(name, targets);
    }

    private PtxRegister own(final String name) {
        final PtxRegister known = registers.get(name);
        if (known != null) {
            return known;
        }
        int digits = name.length();
        while (digits > 0 && Character.isDigit(name.charAt(digits - 1))) {
            digits--;
        }
        if (digits == name.length() || name.length() - digits > 9) {
            return null;
        }
        // The prefix of a range may itself end in digits: %r1<5> declares %r10 to %r14.
        for (int end = digits; end < name.length(); end++) {
            final Range range = ranges.get(name.substring(0, end));
            if (range != null && Integer.parseInt(name.substring(end)) < range.count()) {
                final PtxRegister register = new PtxRegister(name, range.type());
                registers.put(name, register);
                return register;
            }
        }
        return null;
    }

    private record Range(PtxType type, int count) {
    }
}
