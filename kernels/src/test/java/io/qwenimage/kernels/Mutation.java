package io.qwenimage.kernels;

import java.util.function.Consumer;

/**
 * A small fault in a kernel, and the test that must notice it.
 *
 * @param module the kernel's module, whose source {@code MODULE.cu} or a header of it is changed
 * @param file   the changed file
 * @param place  which of the places with this text is changed, from 1; 0 for the only one
 * @param text   what stands there
 * @param fault  what stands there instead
 * @param check  a test of the module
 */
record Mutation(String module, String file, int place, String text, String fault, Consumer<KernelDevice> check) {
    /** A fault in the module's own source, at the only place with this text. */
    static Mutation in(final String module, final String text, final String fault,
            final Consumer<KernelDevice> check) {
        return new Mutation(module, module + ".cu", 0, text, fault, check);
    }

    /** A fault in a header of the module's own, at the only place with this text. */
    static Mutation in(final String module, final String header, final String text, final String fault,
            final Consumer<KernelDevice> check) {
        return new Mutation(module, header, 0, text, fault, check);
    }

    /** A fault in a header, at the first place with this text. */
    static Mutation inHeader(final String module, final String header, final String text, final String fault,
            final Consumer<KernelDevice> check) {
        return new Mutation(module, header, 1, text, fault, check);
    }

    /** The same fault at another place with the same text. */
    Mutation at(final int number) {
        return new Mutation(module, file, number, text, fault, check);
    }

    /** The file with the fault in it. */
    String applied(final String name, final String content) {
        if (!name.equals(file)) {
            return content;
        }
        int at = content.indexOf(text);
        for (int number = 1; number < place && at >= 0; number++) {
            at = content.indexOf(text, at + 1);
        }
        if (at < 0 || place == 0 && content.indexOf(text, at + 1) >= 0) {
            throw new IllegalStateException(file + " must hold this " + (place == 0 ? "once" : place + " times") + ": "
                    + text);
        }
        return content.substring(0, at) + fault + content.substring(at + text.length());
    }

    @Override
    public String toString() {
        return file + ": " + text.strip().replaceAll("\\s+", " ") + "  ->  " + fault.strip().replaceAll("\\s+", " ");
    }
}
