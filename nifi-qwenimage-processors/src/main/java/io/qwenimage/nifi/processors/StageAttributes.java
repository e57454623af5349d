package io.qwenimage.nifi.processors;

import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.context.PropertyContext;
import org.apache.nifi.flowfile.FlowFile;

/** Names of the attributes that the processors write, and what they do to a file name. */
final class StageAttributes {
    static final String MODEL = "qwenimage.model";
    static final String MODEL_TYPE = "qwenimage.model.type";
    static final String MODEL_TRAINED = "qwenimage.model.trained";
    static final String PROMPT = "qwenimage.prompt";
    static final String NEGATIVE_PROMPT = "qwenimage.negative.prompt";
    static final String PROMPT_TOKENS = "qwenimage.prompt.tokens";
    static final String NEGATIVE_PROMPT_TOKENS = "qwenimage.negative.prompt.tokens";
    static final String WIDTH = "qwenimage.width";
    static final String HEIGHT = "qwenimage.height";
    static final String REQUESTED_WIDTH = "qwenimage.requested.width";
    static final String REQUESTED_HEIGHT = "qwenimage.requested.height";
    static final String STEPS = "qwenimage.steps";
    static final String TRUE_CFG_SCALE = "qwenimage.true.cfg.scale";
    static final String SEED = "qwenimage.seed";
    static final String PICTURES = "qwenimage.pictures";
    static final String ANSWER = "qwenimage.answer";
    static final String ANSWER_TOKENS = "qwenimage.answer.tokens";
    static final String ANSWER_FINISHED = "qwenimage.answer.finished";
    static final String ANSWER_ATTEMPTS = "qwenimage.answer.attempts";
    static final String BOXES = "qwenimage.boxes";
    static final String BOXES_COUNT = "qwenimage.boxes.count";
    static final String POINTS_COUNT = "qwenimage.points.count";
    static final String LABEL = "qwenimage.label";
    static final String BOX = "qwenimage.box";
    static final String ERROR = "qwenimage.error";
    static final String FRAGMENT_IDENTIFIER = "fragment.identifier";
    static final String FRAGMENT_INDEX = "fragment.index";
    static final String FRAGMENT_COUNT = "fragment.count";
    static final String SEGMENT_ORIGINAL_FILENAME = "segment.original.filename";

    /** What follows the last dot of a name and is an extension, not the rest of a sentence or of a number. */
    private static final Pattern EXTENSION = Pattern.compile("(?<=.)\\.(?=[0-9]*[A-Za-z])[0-9A-Za-z]{1,11}$");

    private StageAttributes() {
    }

    /** The value of a property for one FlowFile, or for the attributes of a verification; null if not set. */
    @FunctionalInterface
    interface Values {
        String of(PropertyDescriptor descriptor);

        /** The constant that a property chooses. */
        default <E extends Enum<E>> E of(final PropertyDescriptor descriptor, final Class<E> constants) {
            return Enum.valueOf(constants, of(descriptor));
        }

        /** Values of the properties for the attributes of a verification. */
        static Values of(final PropertyContext context, final Map<String, String> attributes) {
            return descriptor -> descriptor.isExpressionLanguageSupported()
                    ? context.getProperty(descriptor).evaluateAttributeExpressions(attributes).getValue()
                    : context.getProperty(descriptor).getValue();
        }

        /** Values of the properties for a FlowFile. */
        static Values of(final PropertyContext context, final FlowFile flowFile) {
            return descriptor -> descriptor.isExpressionLanguageSupported()
                    ? context.getProperty(descriptor).evaluateAttributeExpressions(flowFile).getValue()
                    : context.getProperty(descriptor).getValue();
        }
    }

    /** A file name with another extension: {@code kite.txt} becomes {@code kite.png}. */
    static String withExtension(final String filename, final String extension) {
        return withoutExtension(filename) + "." + extension.toLowerCase(Locale.ROOT);
    }

    /** A file name without its extension: {@code kite.txt} becomes {@code kite}. */
    static String withoutExtension(final String filename) {
        return EXTENSION.matcher(filename).replaceFirst("");
    }
}
