package io.qwenimage.pipeline;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.generation.AnswerSchema;
import io.qwenimage.generation.BoxAnswer;
import io.qwenimage.generation.JsonAnswer;
import io.qwenimage.generation.SamplingSettings;
import io.qwenimage.image.ImageSize;
import io.qwenimage.image.LabelledBox;
import io.qwenimage.tensor.HostTensor;
import java.util.List;

/**
 * Asks about pictures, and sees to it that an answer asked for as JSON is JSON. An answer that is not is asked for again
 * with a word on what was wrong; a question that samples gets a new seed each time, one that does not samples from the
 * second retry on, since the same words would get the same answer.
 */
public final class Captioning {
    private static final SamplingSettings LAST_RESORT = new SamplingSettings(true, 0.7, 20, 0.8, 1, 0);

    private final VisionLanguagePipeline pipeline;

    /**
     * Makes an asker.
     *
     * @param pipeline answers; not closed by this
     */
    public Captioning(final VisionLanguagePipeline pipeline) {
        this.pipeline = pipeline;
    }

    /**
     * Asks until the answer will do.
     *
     * @param observer hears text as it comes; where JSON is asked for, only what will do, and at once
     * @throws DataException if the schema is none, or no answer will do, saying what was wrong with the last
     */
    public CaptionResult ask(final CaptionRequest request, final ChatObserver observer,
            final Cancellation cancellation) {
        check(request);
        final AnswerSchema schema = parsed(request.schema());
        if (!request.json() && schema == null) {
            final ChatAnswer answer = pipeline.chat(chat(request, request.prompt(), request.sampling()), observer,
                    cancellation);
            return new CaptionResult(answer, null, boxes(request, answer), 1);
        }
        String problem = null;
        ChatAnswer answer = null;
        for (int attempt = 0; attempt <= request.retries(); attempt++) {
            cancellation.check();
            answer = pipeline.chat(chat(request, prompt(request, problem), sampling(request, attempt)),
                    new Silent(observer), cancellation);
            final JsonAnswer json = json(answer, schema);
            if (json.json() != null) {
                observer.onText(json.json());
                return new CaptionResult(answer, json.json(), boxes(request, answer), attempt + 1);
            }
            problem = json.problem();
        }
        throw new DataException("the answer was asked for as JSON, but " + problem + " (attempt "
                + (request.retries() + 1) + " of " + (request.retries() + 1) + (answer.finished() ? ""
                : ", cut off after " + request.maxNewTokens() + " tokens: allow more") + "); allow more retries, or "
                + "say in the question what the JSON shall look like");
    }

    /**
     * Checks a schema before anything is asked.
     *
     * @param schema null or blank for none
     * @throws DataException if it is none, saying what is wrong with it
     */
    public static void requireSchema(final String schema) {
        parsed(schema);
    }

    private static ChatRequest chat(final CaptionRequest request, final String prompt,
            final SamplingSettings sampling) {
        return new ChatRequest(request.images(), prompt, request.maxNewTokens(), sampling, request.stopStrings());
    }

    private static String prompt(final CaptionRequest request, final String problem) {
        return problem == null ? request.prompt() : request.prompt() + "\n\nYour last answer could not be used: "
                + problem + "\nAnswer again with valid JSON alone and no other words.";
    }

    private static SamplingSettings sampling(final CaptionRequest request, final int attempt) {
        final SamplingSettings asked = request.sampling();
        if (asked != null && asked.doSample()) {
            return asked.withSeed(asked.seed() + attempt);
        }
        return attempt < 2 ? asked : LAST_RESORT.withSeed(attempt);
    }

    private static JsonAnswer json(final ChatAnswer answer, final AnswerSchema schema) {
        try {
            return JsonAnswer.read(answer.text(), schema);
        } catch (IllegalArgumentException e) {
            throw new DataException(e.getMessage(), e);
        }
    }

    private List<LabelledBox> boxes(final CaptionRequest request, final ChatAnswer answer) {
        if (request.images().size() != 1) {
            return List.of();
        }
        return BoxAnswer.read(answer.markedText(), pipeline.card().modelType())
                .boxes(ImageSize.of(request.images().get(0)), answer.resizedSizes().get(0));
    }

    private static AnswerSchema parsed(final String schema) {
        try {
            return schema == null || schema.isBlank() ? null : AnswerSchema.parse(schema);
        } catch (IllegalArgumentException e) {
            throw new DataException(e.getMessage(), e);
        }
    }

    private static void check(final CaptionRequest request) {
        if (request.retries() < 0 || request.retries() > CaptionRequest.MAXIMUM_RETRIES) {
            throw new DataException("the number of retries is " + request.retries() + "; it must lie between 0 and "
                    + CaptionRequest.MAXIMUM_RETRIES);
        }
    }

    /** Passes tensors on, but no text: an answer may yet be refused. */
    private record Silent(ChatObserver listener) implements ChatObserver {
        @Override
        public boolean wantsTensors() {
            return listener.wantsTensors();
        }

        @Override
        public void onTensor(final String name, final HostTensor values) {
            listener.onTensor(name, values);
        }
    }
}
