package io.qwenimage.pipeline;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.generation.SamplingSettings;
import io.qwenimage.image.ImageSize;
import io.qwenimage.image.RgbImage;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/** Remembers what it was asked and answers what it was told to; sees every picture at half its size. */
public final class ScriptedPipeline implements VisionLanguagePipeline {
    public static final SamplingSettings RECOMMENDED = new SamplingSettings(true, 0.5, 30, 0.9, 1.1, 0);

    public final List<ChatRequest> requests = new ArrayList<>();
    public boolean finished = true;
    public int closed;
    private final String modelType;
    private final Deque<String> answers;

    public ScriptedPipeline(final String modelType, final String... answers) {
        this.modelType = modelType;
        this.answers = new ArrayDeque<>(List.of(answers));
    }

    @Override
    public VisionLanguageCard card() {
        return new VisionLanguageCard("Scripted", modelType, true);
    }

    @Override
    public ImageSize resizedSize(final ImageSize original) {
        return new ImageSize((original.width() + 1) / 2, (original.height() + 1) / 2);
    }

    @Override
    public SamplingSettings recommendedSampling() {
        return RECOMMENDED;
    }

    @Override
    public ChatAnswer chat(final ChatRequest request, final ChatObserver observer, final Cancellation cancellation) {
        cancellation.check();
        requests.add(request);
        final String marked = answers.removeFirst();
        final String text = marked.replaceAll("<\\|[a-z_]+\\|>", "");
        if (observer.wantsTensors()) {
            observer.onTensor("logits", HostTensor.ofFloats(Shape.of(2), 3, 4));
        }
        observer.onText(text);
        final List<ImageSize> sizes = request.images().stream().map(this::size).toList();
        return new ChatAnswer(text, marked, new int[] {1, 2, 3}, new int[] {4, 5}, finished, sizes);
    }

    @Override
    public void close() {
        closed++;
    }

    private ImageSize size(final RgbImage image) {
        return resizedSize(ImageSize.of(image));
    }
}
