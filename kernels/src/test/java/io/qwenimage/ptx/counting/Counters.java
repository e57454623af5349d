package io.qwenimage.ptx.counting;

import java.util.List;
import java.util.function.Predicate;

/** What a launch did, by PTX line. */
public final class Counters {
    private static final LineCount NOTHING = new LineCount(0, "", null, 0, 0, 0, 0, 0, 0, 0, 0, 0);

    private final List<LineCount> lines;

    public Counters(final List<LineCount> lines) {
        this.lines = List.copyOf(lines);
    }

    /** One count per instruction that was executed at least once, in program order. */
    public List<LineCount> lines() {
        return lines;
    }

    /** The sum over the lines that the condition picks. */
    public LineCount sum(final Predicate<LineCount> condition) {
        return lines.stream().filter(condition).reduce(LineCount::plus).orElse(NOTHING);
    }

    public LineCount total() {
        return sum(line -> true);
    }

    public LineCount of(final InstructionClass instructionClass) {
        return sum(line -> line.instructionClass() == instructionClass);
    }

    /** The sum over the PTX lines from first to last, both included. */
    public LineCount between(final int first, final int last) {
        return sum(line -> line.line() >= first && line.line() <= last);
    }
}
