package io.qwenimage.pipeline;

/**
 * One finding about a model folder, in words.
 *
 * @param name        of the check: "Folder", "Index of transformer", "Shapes", "Memory", "Forward"
 * @param successful  whether it passed
 * @param explanation what was found; on failure the thing, the value and the remedy
 */
public record VerificationStep(String name, boolean successful, String explanation) {
}
