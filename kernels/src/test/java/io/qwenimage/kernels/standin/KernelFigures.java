package io.qwenimage.kernels.standin;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the compiler said that a kernel takes.
 *
 * @param registers of a thread
 * @param staticSharedBytes shared memory that it declares
 * @param localBytes local memory of a thread
 * @param maximumThreads the most threads of a block that its registers and its launch bounds allow
 */
record KernelFigures(int registers, int staticSharedBytes, int localBytes, int maximumThreads) {
    /**
     * @param json as the build writes it beside the images: architecture, kernel, figure
     */
    static Optional<KernelFigures> read(final String json, final String architecture, final String kernel) {
        final Matcher section = Pattern.compile("\"" + architecture
                + "\"\\s*:\\s*\\{((?:[^{}]|\\{[^{}]*})*)}").matcher(json);
        if (!section.find()) {
            return Optional.empty();
        }
        final Matcher entry = Pattern.compile("\"" + kernel + "\"\\s*:\\s*\\{([^{}]*)}").matcher(section.group(1));
        return entry.find() ? Optional.of(new KernelFigures(figure(entry.group(1), "registers"),
                figure(entry.group(1), "staticSharedBytes"), figure(entry.group(1), "localBytes"),
                figure(entry.group(1), "maxThreads"))) : Optional.empty();
    }

    private static int figure(final String json, final String name) {
        final Matcher figure = Pattern.compile("\"" + name + "\"\\s*:\\s*(\\d+)").matcher(json);
        if (!figure.find()) {
            throw new IllegalStateException("the kernels' figures have no " + name + ": " + json);
        }
        return Integer.parseInt(figure.group(1));
    }
}
