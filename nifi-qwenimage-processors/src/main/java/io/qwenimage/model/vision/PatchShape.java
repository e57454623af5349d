package io.qwenimage.model.vision;

import io.qwenimage.model.ConfigFile;

/**
 * What a patch consists of.
 *
 * @param channels          3
 * @param temporalPatchSize frames in a patch; a picture is repeated to fill them
 * @param patchSize         pixels along a side
 * @param mergeSize         patches along a side that become one vector of the language model
 */
public record PatchShape(int channels, int temporalPatchSize, int patchSize, int mergeSize) {
    /**
     * Reads the keys that describe patches, by their names of today and of 2024.
     *
     * @param vision           the config's {@code vision_config}
     * @param defaultPatchSize where it is silent
     */
    public static PatchShape read(final ConfigFile vision, final int defaultPatchSize) {
        final int channels = vision.countAt("in_channels", vision.countAt("in_chans", 3));
        vision.require("in_channels", channels == 3, "3");
        return new PatchShape(channels, vision.countAt("temporal_patch_size", 2),
                vision.countAt("patch_size", vision.countAt("spatial_patch_size", defaultPatchSize)),
                vision.countAt("spatial_merge_size", 2));
    }

    /** Numbers in a patch. */
    public int values() {
        return channels * temporalPatchSize * patchSize * patchSize;
    }

    /** Patches in a merged block. */
    public int block() {
        return mergeSize * mergeSize;
    }
}
