package io.qwenimage.nifi;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.image.ImageSize;
import io.qwenimage.pipeline.ChatAnswer;
import io.qwenimage.pipeline.ChatObserver;
import io.qwenimage.pipeline.ChatRequest;
import io.qwenimage.pipeline.VisionLanguageCard;
import io.qwenimage.pipeline.VisionLanguagePipeline;
import java.util.ArrayList;
import java.util.List;

/** Answers as the test says, one character a token; sees every picture at half its size. */
public final class FakeVisionLanguagePipeline implements VisionLanguagePipeline {
    private final List<String> answers = new ArrayList<>(List.of("a red kite"));
    private final List<ChatRequest> requests = new ArrayList<>();
    private Runnable beforeAnswer = () -> { };
    private Runnable afterToken = () -> { };

    /** What it answers from now on; the last answer is repeated. */
    public void answer(final String... texts) {
        answers.clear();
        answers.addAll(List.of(texts));
    }

    /** Something to do when a question is asked, such as to throw. */
    public void beforeAnswer(final Runnable action) {
        beforeAnswer = action;
    }

    /** Something to do after each token. */
    public void afterToken(final Runnable action) {
        afterToken = action;
    }

    /** The questions. */
    public List<ChatRequest> requests() {
        return requests;
    }

    @Override
    public VisionLanguageCard card() {
        return new VisionLanguageCard("Fake Seer", "qwen2_5_vl", true);
    }

    @Override
    public ImageSize resizedSize(final ImageSize original) {
        return new ImageSize((original.width() + 1) / 2, (original.height() + 1) / 2);
    }

    @Override
    public ChatAnswer chat(final ChatRequest request, final ChatObserver observer, final Cancellation cancellation) {
        beforeAnswer.run();
        requests.add(request);
        final String whole = answers.size() > 1 ? answers.removeFirst() : answers.getFirst();
        final String text = whole.substring(0, Math.min(whole.length(), request.maxNewTokens()));
        for (int i = 0; i < text.length(); i++) {
            cancellation.check();
            afterToken.run();
        }
        return new ChatAnswer(text, text, new int[0], text.chars().toArray(), text.length() == whole.length(),
                request.images().stream().map(image -> resizedSize(ImageSize.of(image))).toList());
    }

    @Override
    public void close() {
        throw new AssertionError("a borrowed model is not closed by the borrower");
    }
}
