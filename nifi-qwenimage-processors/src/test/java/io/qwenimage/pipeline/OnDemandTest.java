package io.qwenimage.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

final class OnDemandTest {
    private final AtomicInteger closings = new AtomicInteger();
    private final Stage stage = closings::incrementAndGet;

    @Test
    void isMadeOnceAndClosedOnce() {
        final AtomicInteger makings = new AtomicInteger();
        final OnDemand<Stage> onDemand = new OnDemand<>(cancellation -> {
            makings.incrementAndGet();
            return stage;
        });
        assertSame(stage, onDemand.get(Cancellation.NEVER));
        assertSame(stage, onDemand.get(Cancellation.NEVER));
        onDemand.close();
        onDemand.close();
        assertEquals(1, makings.get());
        assertEquals(1, closings.get());
        assertThrows(IllegalStateException.class, () -> onDemand.get(Cancellation.NEVER));
    }

    @Test
    void makingCanBeCalledOffAndTriedAgain() {
        final OnDemand<Stage> onDemand = new OnDemand<>(cancellation -> {
            cancellation.check();
            return stage;
        });
        assertThrows(CancellationException.class, () -> onDemand.get(OnDemandTest::calledOff));
        assertSame(stage, onDemand.get(Cancellation.NEVER));
    }

    @Test
    void theWaitForAnotherWhoMakesItCanBeCalledOff() throws InterruptedException {
        final CountDownLatch making = new CountDownLatch(1);
        final CountDownLatch mayEnd = new CountDownLatch(1);
        final OnDemand<Stage> onDemand = new OnDemand<>(cancellation -> {
            making.countDown();
            awaitUnchecked(mayEnd);
            return stage;
        });
        final Thread maker = new Thread(() -> onDemand.get(Cancellation.NEVER));
        maker.start();
        making.await();
        assertThrows(CancellationException.class, () -> onDemand.get(OnDemandTest::calledOff));
        mayEnd.countDown();
        maker.join();
        assertSame(stage, onDemand.get(Cancellation.NEVER));
    }

    @Test
    void aBundleEncodedAnewKeepsNothingOfThePromptBefore() {
        final HostTensor tensor = HostTensor.ofFloats(Shape.of(1), 1f);
        final Bundle bundle = new Bundle(Map.of("negative_prompt_embeds", tensor, "image_latents.0", tensor),
                Map.of("prompt", "a secret", "model", "m"));
        final Bundle without = bundle.without(Set.of("negative_prompt_embeds", "prompt"));
        assertEquals(Set.of("image_latents.0"), without.tensors().keySet());
        assertEquals(Map.of("model", "m"), without.metadata());
    }

    private static void calledOff() {
        throw new CancellationException("not wanted");
    }

    private static void awaitUnchecked(final CountDownLatch latch) {
        try {
            latch.await();
        } catch (final InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
