package io.qwenimage.nifi.processors;

import io.qwenimage.pipeline.Bundle;
import io.qwenimage.pipeline.Bundles;
import io.qwenimage.pipeline.DataException;
import io.qwenimage.pipeline.ModelCard;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.nifi.flowfile.FlowFile;
import org.apache.nifi.flowfile.attributes.CoreAttributes;
import org.apache.nifi.processor.ProcessSession;
import org.apache.nifi.stream.io.StreamUtils;

/** Bundles as the content of FlowFiles. */
final class BundleContent {
    static final String PROMPT_EMBEDS = "prompt_embeds";
    static final String NEGATIVE_PROMPT_EMBEDS = "negative_prompt_embeds";
    /** Metadata keys. */
    static final String PROMPT = "prompt";
    static final String NEGATIVE_PROMPT = "negative_prompt";
    static final String WIDTH = "width";
    static final String HEIGHT = "height";
    static final String STEPS = "num_inference_steps";
    static final String TRUE_CFG_SCALE = "true_cfg_scale";
    static final String SEED = "seed";

    static final String EXTENSION = "safetensors";
    private BundleContent() {
    }

    /**
     * Reads a FlowFile's content as a bundle.
     *
     * @throws DataException if it is none; says why
     */
    static Bundle read(final ProcessSession session, final FlowFile flowFile) {
        if (flowFile.getSize() > Bundles.MAXIMUM_BYTES) {
            throw new DataException("the FlowFile's content has " + flowFile.getSize() + " bytes but a bundle has at "
                    + "most " + Bundles.MAXIMUM_BYTES + "; send what EncodeText or Denoise made");
        }
        final byte[] bytes = new byte[(int) flowFile.getSize()];
        session.read(flowFile, stream -> StreamUtils.fillBuffer(stream, bytes, true));
        return Bundles.read(bytes);
    }

    /** Replaces a FlowFile's content by a bundle. */
    static FlowFile write(final ProcessSession session, final FlowFile flowFile, final Bundle bundle) {
        return session.write(flowFile, stream -> Bundles.write(stream, bundle));
    }

    /** The attributes of every FlowFile that holds a bundle. */
    static Map<String, String> attributes(final FlowFile flowFile, final ModelCard card) {
        final Map<String, String> attributes = new LinkedHashMap<>();
        attributes.put(CoreAttributes.MIME_TYPE.key(), Bundle.MIME_TYPE);
        attributes.put(CoreAttributes.FILENAME.key(), StageAttributes.withExtension(
                flowFile.getAttribute(CoreAttributes.FILENAME.key()), EXTENSION));
        attributes.put(StageAttributes.MODEL, card.id());
        attributes.put(StageAttributes.MODEL_TRAINED, Boolean.toString(card.trained()));
        return attributes;
    }
}
