package io.qwenimage.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Arenas give back everything, whatever one piece of memory meets. */
class OwningArenaTest {
    private final List<String> ended = new ArrayList<>();

    /** Memory that says when it goes. */
    private final class Memory extends OwnedMemory {
        private final String name;
        private final boolean failing;

        Memory(final String name, final boolean failing) {
            this.name = name;
            this.failing = failing;
        }

        @Override
        protected void release() {
            ended.add(name);
            if (failing) {
                throw new IllegalStateException(name + " fails");
            }
        }
    }

    /** An arena of memory without tensors. */
    private final class MemoryArena extends OwningArena {
        MemoryArena(final MemoryArena parent, final String purpose) {
            super(parent, purpose);
        }

        MemoryArena with(final String name, final boolean failing) {
            own(new Memory(name, failing));
            return this;
        }

        @Override
        protected OwnedMemory memoryOf(final Tensor tensor) {
            throw new AssertionError("there are no tensors");
        }

        @Override
        protected void forgotten() {
            ended.add("forgotten");
        }

        @Override
        public Arena open(final String purpose) {
            return new MemoryArena(this, purpose);
        }

        @Override
        public Tensor allocate(final DType type, final Shape shape) {
            throw new AssertionError("there are no tensors");
        }
    }

    @Test
    void allMemoryEndsAndThenTheFirstFailureIsThrown() {
        final MemoryArena outer = new MemoryArena(null, "outer").with("outer", true);
        new MemoryArena(outer, "inner").with("one", true).with("two", false).with("three", true);
        final IllegalStateException failure = assertThrows(IllegalStateException.class, outer::close);
        assertEquals(List.of("one", "three", "two"), ended.subList(0, 3).stream().sorted().toList());
        assertEquals(List.of("outer", "forgotten"), ended.subList(3, 5));
        assertEquals(5, ended.size());
        // Of the inner arena the first of its two, and the other with it.
        assertEquals(List.of("one fails", "three fails"), List.of(failure.getMessage(),
                failure.getSuppressed()[0].getMessage()).stream().sorted().toList());
        assertEquals("outer fails", failure.getSuppressed()[1].getMessage());
        outer.close();
        assertEquals(5, ended.size());
    }
}
