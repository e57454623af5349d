package io.qwenimage.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.qwenimage.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Turns texts into token ids. */
@Command(name = "tokenize", mixinStandardHelpOptions = true, sortOptions = false,
        description = "Turns an array of texts into an array of arrays of token ids, as JSON on standard output.")
final class TokenizeCommand implements Callable<Integer> {
    @Option(names = "--tokenizer", required = true, paramLabel = "DIR",
            description = "tokenizer folder, for instance the one in a model folder")
    private Path tokenizer;
    @Option(names = "--texts", required = true, paramLabel = "F.json", description = "a JSON array of strings")
    private Path texts;
    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() {
        final JsonNode array = read();
        final StringBuilder json = new StringBuilder("[");
        try (Tokenizer opened = Tokenizer.open(tokenizer)) {
            for (int i = 0; i < array.size(); i++) {
                json.append(i == 0 ? "[" : ",\n[");
                final int[] ids = opened.encode(array.get(i).textValue());
                for (int k = 0; k < ids.length; k++) {
                    json.append(k == 0 ? "" : ",").append(ids[k]);
                }
                json.append(']');
            }
        }
        spec.commandLine().getOut().println(json.append(']'));
        return 0;
    }

    private JsonNode read() {
        final JsonNode array;
        try {
            array = new ObjectMapper().readTree(Files.readAllBytes(texts));
        } catch (JsonProcessingException e) {
            throw new CommandException("--texts " + texts + " is not valid JSON: " + e.getOriginalMessage()
                    + "; give a JSON array of strings", e);
        } catch (IOException e) {
            throw new CommandException("--texts " + texts + " cannot be read (" + e
                    + "); give a file with a JSON array of strings", e);
        }
        if (!array.isArray()) {
            throw new CommandException("--texts " + texts + " holds no array but "
                    + array.getNodeType().name().toLowerCase(Locale.ROOT) + "; give a JSON array of strings");
        }
        for (int i = 0; i < array.size(); i++) {
            if (!array.get(i).isTextual()) {
                throw new CommandException("--texts " + texts + ": element " + i + " is " + array.get(i)
                        + "; give a JSON array of strings");
            }
        }
        return array;
    }
}
