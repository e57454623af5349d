package io.qwenimage.generation;

import io.qwenimage.model.ConfigFile;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What a model folder recommends for generating text: {@code generation_config.json}; defaults are those of
 * {@code GenerationConfig} of transformers.
 *
 * @param eosTokens tokens that end an answer
 * @param sampling  recommended settings
 */
public record GenerationConfig(int[] eosTokens, SamplingSettings sampling) {
    private static final int DEFAULT_TOP_K = 50;

    /**
     * Reads a folder's recommendations.
     *
     * @param folder of the model; the file may be absent
     * @param config the model's {@code config.json}, which may name the last token too
     * @throws io.qwenimage.weights.WeightException if a value cannot be used
     */
    public static GenerationConfig read(final Path folder, final ConfigFile config) {
        final Path file = folder.resolve("generation_config.json");
        if (!Files.isRegularFile(file)) {
            return new GenerationConfig(eosTokens(config), SamplingSettings.GREEDY);
        }
        final ConfigFile own = ConfigFile.read(file);
        final double temperature = own.doubleAt("temperature", 1);
        final int topK = own.intAt("top_k", DEFAULT_TOP_K);
        final double topP = own.doubleAt("top_p", 1);
        final double penalty = own.doubleAt("repetition_penalty", 1);
        own.require("temperature", temperature > 0, "a positive number");
        own.require("top_k", topK >= 0, "0 or a positive number");
        own.require("top_p", topP > 0 && topP <= 1, "a number above 0 and up to 1");
        own.require("repetition_penalty", penalty > 0, "a positive number");
        return new GenerationConfig(own.has("eos_token_id") ? eosTokens(own) : eosTokens(config),
                new SamplingSettings(own.booleanAt("do_sample", false), temperature, topK, topP, penalty, 0));
    }

    /** Whether a token ends an answer. */
    public boolean ends(final int token) {
        for (final int eos : eosTokens) {
            if (eos == token) {
                return true;
            }
        }
        return false;
    }

    private static int[] eosTokens(final ConfigFile config) {
        if (!config.has("eos_token_id")) {
            return config.has("text_config") ? eosTokens(config.sub("text_config")) : new int[0];
        }
        return config.isList("eos_token_id") ? config.intsAt("eos_token_id")
                : new int[] {config.intAt("eos_token_id")};
    }
}
