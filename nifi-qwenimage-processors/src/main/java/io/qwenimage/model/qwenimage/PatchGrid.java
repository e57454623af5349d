package io.qwenimage.model.qwenimage;

/** A picture's grid of latent patches, each 2 x 2 latents or 16 x 16 pixels. */
public record PatchGrid(int rows, int columns) {
    /** How many tokens the picture has. */
    public int tokens() {
        return Math.multiplyExact(rows, columns);
    }
}
