package io.qwenimage.kernels.build;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BinaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One {@code .cu} file with the headers that it includes: the source of one module.
 *
 * @param module        the name of the file without its ending
 * @param text          the source
 * @param headers       included texts by name, in order of their first inclusion
 * @param architectures the only ones that it is meant for, or empty for all: from a comment in its first lines,
 *                      {@code // architectures: sm_90a}
 */
record KernelSource(String module, String text, Map<String, String> headers, List<String> architectures) {
    private static final Pattern INCLUDE = Pattern.compile("(?m)^\\s*#\\s*include\\s+[\"<]([^\">]+)[\">]");
    private static final Pattern ARCHITECTURES = Pattern.compile("(?m)^//\\s*architectures:\\s*(.+)$");
    private static final int DIRECTIVE_LINES = 10;

    /**
     * Reads a source.
     *
     * @param folders where headers are looked for
     */
    static KernelSource read(final Path file, final List<Path> folders) throws IOException {
        final String text = Files.readString(file);
        final Map<String, String> headers = new LinkedHashMap<>();
        addHeaders(file, text, folders, headers);
        final String top = String.join("\n", text.lines().limit(DIRECTIVE_LINES).toList());
        final Matcher matcher = ARCHITECTURES.matcher(top);
        final List<String> architectures = matcher.find() ? List.of(matcher.group(1).strip().split("[,\\s]+"))
                : List.of();
        return new KernelSource(file.getFileName().toString().replace(".cu", ""), text, headers, architectures);
    }

    /** Whether it is compiled for an architecture. */
    boolean isFor(final String architecture) {
        return architectures.isEmpty() || architectures.contains(architecture);
    }

    /** The same with its texts changed, each by its file's name. */
    KernelSource changed(final BinaryOperator<String> change) {
        final Map<String, String> changed = new LinkedHashMap<>();
        headers.forEach((name, header) -> changed.put(name, change.apply(name, header)));
        return new KernelSource(module, change.apply(fileName(), text), changed, architectures);
    }

    String fileName() {
        return module + ".cu";
    }

    private static void addHeaders(final Path file, final String text, final List<Path> folders,
            final Map<String, String> headers) throws IOException {
        final Matcher matcher = INCLUDE.matcher(text);
        while (matcher.find()) {
            final String name = matcher.group(1);
            if (headers.containsKey(name)) {
                continue;
            }
            final Path header = folders.stream().map(folder -> folder.resolve(name)).filter(Files::exists).findFirst()
                    .orElseThrow(() -> new IllegalStateException(file + " includes " + name + ", which none of "
                            + folders + " has; kernels include no header of the toolkit"));
            final String content = Files.readString(header);
            headers.put(name, content);
            addHeaders(header, content, folders, headers);
        }
    }
}
