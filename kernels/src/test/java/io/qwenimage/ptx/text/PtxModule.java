package io.qwenimage.ptx.text;

import java.util.List;
import java.util.Map;

/**
 * A parsed PTX file.
 *
 * @param version {@code .version}, for example 8.7
 * @param target {@code .target}, for example sm_90a
 * @param functions kernels and device functions by name
 * @param variables global, constant and shared variables of the module
 * @param scope the module's own names
 * @param lines the text, line by line
 */
public record PtxModule(String version, String target, Map<String, PtxFunction> functions,
                        List<PtxVariable> variables, Scope scope, List<String> lines) {
    private static final long FIRST_CODE_ADDRESS = 0x1000;
    private static final int CODE_STEP = 16;

    /** Parses PTX text; throws {@link PtxSyntaxException} where it cannot be read. */
    public static PtxModule parse(final String text) {
        return new PtxParser(text).parse();
    }

    /** The text of a line, trimmed, for messages. */
    public String line(final int number) {
        return number >= 1 && number <= lines.size() ? lines.get(number - 1).strip() : "";
    }

    /** The number that stands for a function's address: code lies in no memory that can be read. */
    public long codeAddress(final String function) {
        return FIRST_CODE_ADDRESS + CODE_STEP * functions.keySet().stream().sorted().toList().indexOf(function);
    }
}
