package io.qwenimage.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/**
 * PyTorch at the work of {@link Bench}, in a process of its own.
 *
 * @param python the interpreter
 * @param script bench_torch.py
 */
record TorchPeer(String python, Path script) {
    /**
     * Median time of one job, in seconds: in BF16 for a token of an answer with BF16 weights, else in FP32.
     *
     * @param options of which the one job, the threads, the repeats and the seconds count
     * @throws CommandException if the script fails or does not answer with a time
     */
    double median(final BenchOptions options) {
        final List<String> command = List.of(python, script.toString(), "--only",
                Bench.reference(options.jobs().getFirst()), "--dtypes",
                options.jobs().getFirst().equals("decode") ? "bfloat16" : "float32", "--threads", Integer.toString(options.device().threads()),
                "--repeats", Integer.toString(options.repeats()), "--seconds", Double.toString(options.seconds()));
        try {
            final Process process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
            process.getOutputStream().close();
            final String answer = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
            final int status = process.waitFor();
            final JsonNode median = status == 0 ? new ObjectMapper().readTree(answer).path("seconds_median") : null;
            if (median == null || !median.isNumber() || !(median.doubleValue() > 0)) {
                throw new CommandException(String.join(" ", command) + " ended with status " + status + " and said \""
                        + answer + "\"; give a --python that has torch, diffusers and transformers");
            }
            return median.doubleValue();
        } catch (IOException e) {
            throw new CommandException(String.join(" ", command) + " failed (" + e
                    + "); give --python and --torch that can be run", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CommandException("interrupted while PyTorch was measured; run again", e);
        }
    }
}
