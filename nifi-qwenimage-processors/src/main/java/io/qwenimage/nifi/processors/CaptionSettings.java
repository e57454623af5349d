package io.qwenimage.nifi.processors;

import io.qwenimage.image.RgbImage;
import io.qwenimage.pipeline.CaptionRequest;
import io.qwenimage.pipeline.Captioning;
import io.qwenimage.pipeline.DataException;
import java.math.BigDecimal;
import java.util.List;

/**
 * What a FlowFile asks of Caption.
 *
 * @param limits      of the pictures
 * @param question    which question
 * @param prompt      its words
 * @param destination where the answer goes
 * @param answer      its length and how tokens are chosen
 * @param stopStrings where it ends
 * @param form        what it must be
 * @param schema      JSON schema that it must fit; null if any JSON will do
 * @param retries     how often it is asked for again
 */
record CaptionSettings(PictureContent limits, CaptionQuestion question, String prompt, AnswerDestination destination,
        AnswerSettings answer, List<String> stopStrings, AnswerForm form, String schema, int retries) {
    static final NumberRange RETRIES = NumberRange.whole(0, CaptionRequest.MAXIMUM_RETRIES);

    /**
     * Reads the values of Caption's properties.
     *
     * @throws DataException if one cannot be used
     */
    static CaptionSettings read(final StageAttributes.Values values) {
        final CaptionQuestion question = values.of(Caption.QUESTION, CaptionQuestion.class);
        final AnswerForm form = question == CaptionQuestion.OCR_WITH_BOXES ? AnswerForm.TEXT
                : values.of(Caption.ANSWER_FORM, AnswerForm.class);
        final String schema = form == AnswerForm.JSON ? values.of(Caption.JSON_SCHEMA) : null;
        Captioning.requireSchema(schema);
        final BigDecimal retries = form == AnswerForm.JSON ? RETRIES.read("Retries", values.of(Caption.RETRIES)) : null;
        final String stops = values.of(Caption.STOP_STRINGS);
        return new CaptionSettings(PictureContent.of(values), question, prompt(question, values),
                values.of(Caption.ANSWER_DESTINATION, AnswerDestination.class), AnswerSettings.read(values),
                stops == null ? List.of() : stops.lines().filter(line -> !line.isEmpty()).toList(), form,
                schema == null || schema.isBlank() ? null : schema, retries == null ? 0 : retries.intValue());
    }

    /**
     * The request for some pictures.
     *
     * @throws DataException if the question is about one picture and there are several
     */
    CaptionRequest request(final List<RgbImage> pictures) {
        if (hasBoxes() && pictures.size() > 1) {
            throw new DataException("the FlowFile holds " + pictures.size() + " pictures, but boxes are told of one; "
                    + "unpack the archive first");
        }
        return new CaptionRequest(pictures, prompt, answer.maxNewTokens(), answer.sampling(), stopStrings,
                form == AnswerForm.JSON, schema, retries);
    }

    /** Whether the answer is boxes. */
    boolean hasBoxes() {
        return question == CaptionQuestion.OCR_WITH_BOXES;
    }

    /** Whether the answer is JSON. */
    boolean isJson() {
        return hasBoxes() || form == AnswerForm.JSON;
    }

    private static String prompt(final CaptionQuestion question, final StageAttributes.Values values) {
        if (question.preset() != null) {
            return question.preset().prompt();
        }
        final String prompt = values.of(Caption.PROMPT);
        if (prompt == null || prompt.isBlank()) {
            throw new DataException("the property Prompt is empty; it must say what you want to know of the picture");
        }
        return prompt;
    }
}
