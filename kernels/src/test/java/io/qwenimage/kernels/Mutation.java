package io.qwenimage.kernels;

import java.util.function.Consumer;

/**
 * A small fault in a kernel, and the test that must notice it.
 *
 * @param module the kernel's module, whose source {@code MODULE.cu} or a header of it is changed
 * @param file   the changed file
 * @param text   what stands there, once
 * @param fault  what stands there instead
 * @param check  a test of the module
 */
record Mutation(String module, String file, String text, String fault, Consumer<KernelDevice> check) {
    /** A fault in the module's own source. */
    static Mutation in(final String module, final String text, final String fault,
            final Consumer<KernelDevice> check) {
        return new Mutation(module, module + ".cu", text, fault, check);
    }

    /** The file with the fault in it. */
    String applied(final String name, final String content) {
        if (!name.equals(file)) {
            return content;
        }
        final int at = content.indexOf(text);
        if (at < 0 || content.indexOf(text, at + 1) >= 0) {
            throw new IllegalStateException(file + " must hold this once: " + text);
        }
        return content.substring(0, at) + fault + content.substring(at + text.length());
    }

    @Override
    public String toString() {
        return file + ": " + text.strip().replaceAll("\\s+", " ") + "  ->  " + fault.strip().replaceAll("\\s+", " ");
    }
}
