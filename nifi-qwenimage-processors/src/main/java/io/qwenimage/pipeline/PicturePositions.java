package io.qwenimage.pipeline;

import io.qwenimage.model.ConfigFile;
import java.util.List;

/**
 * Where the tokens of pictures stand when an edit's prompt is encoded. Up to transformers 4 the edit pipelines of
 * diffusers gave a picture's tokens rows and columns, and so the published models were trained; with transformers 5
 * they count on as if they were text, because the pipelines do not pass {@code mm_token_type_ids} (diffusers issue
 * 14194). The folder's key {@value #KEY} in qwenimage.json decides; without it, what the transformers that saved the
 * text encoder would do.
 */
enum PicturePositions {
    /** By row and column. */
    SPATIAL,
    /** One after the other. */
    SEQUENTIAL;

    private static final String KEY = "picture_positions";
    private static final String SPATIAL_VERSION = "4.";

    /**
     * What applies to a folder.
     *
     * @param own         qwenimage.json, or an empty object
     * @param textEncoder config.json of the text encoder
     */
    static PicturePositions of(final ConfigFile own, final ConfigFile textEncoder) {
        final String version = textEncoder.stringAt("transformers_version", "");
        final String otherwise = version.startsWith(SPATIAL_VERSION) ? "spatial" : "sequential";
        return own.choiceAt(KEY, otherwise, List.of("spatial", "sequential")).equals("spatial") ? SPATIAL
                : SEQUENTIAL;
    }
}
