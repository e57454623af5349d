package io.qwenimage.pipeline;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.qwenimage.Tensors;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.backend.CudaBackends;
import io.qwenimage.backend.JointSequences;
import io.qwenimage.backend.Repetition;
import io.qwenimage.backend.ResourceExhaustedException;
import io.qwenimage.kernels.standin.Books;
import io.qwenimage.kernels.standin.PosedDevice;
import io.qwenimage.kernels.standin.StandIn;
import io.qwenimage.model.ConfigFile;
import io.qwenimage.model.qwenimage.QwenImageConfig;
import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/**
 * What a denoising step asks of the device, by the books of its stand-in, and that neither graph nor batch changes it.
 * What several tests look at is computed once.
 */
@Tag("models")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class CudaStepTest {
    private static final Path MODELS = Path.of("src/test/resources/goldens/models");
    private static final String ONE_BLOCK = "defaults-f16-f8";
    private static final String TWO_BLOCKS = "published-bf16-sharded";
    private static final int PUBLISHED_BLOCKS = 60;
    private static final int STEPS = 4;
    private static final DenoiseRequest REQUEST = new DenoiseRequest(48, 32, STEPS, 3, 5);

    private final Map<Mode, float[]> latents = new HashMap<>();
    private final Map<String, Request> requests = new HashMap<>();

    /** How a request is computed. */
    private record Mode(DType type, boolean records, boolean batches, boolean batchesFindMemory) {
    }

    /** What the books said when something happened. */
    private record Entry(long launches, long copies, long waits, long allocations, long toDevice, long toHost) {
        static Entry now() {
            final Books books = StandIn.install().books();
            return new Entry(books.launches(), books.copies(), books.waits(), books.allocations(),
                    books.bytesToDevice(), books.bytesToHost());
        }

        Entry since(final Entry earlier) {
            return new Entry(launches - earlier.launches, copies - earlier.copies, waits - earlier.waits,
                    allocations - earlier.allocations, toDevice - earlier.toDevice, toHost - earlier.toHost);
        }
    }

    /** The books of a request: of its first step as it comes, of the second, of the third and fourth as a graph. */
    private record Request(List<Entry> steps, Entry load, Entry again) {
    }

    @Test
    void aStepOfSixtyBlocksStaysWithinItsLaunches() {
        assumeFalse(CudaBackends.isReal(), "the books are the stand-in's");
        final Entry one = counted(ONE_BLOCK).steps().getFirst();
        final Entry two = counted(TWO_BLOCKS).steps().getFirst();
        final long perBlock = two.launches() - one.launches();
        final long launches = one.launches() + (PUBLISHED_BLOCKS - 1) * perBlock;
        final long copies = one.copies() + (PUBLISHED_BLOCKS - 1) * (two.copies() - one.copies());
        System.out.println("a step of " + PUBLISHED_BLOCKS + " blocks with guidance: " + launches + " launches ("
                + perBlock + " a block), " + copies + " copies and fills");
        assertTrue(perBlock > 0 && perBlock <= 16 && launches < 1000, launches + " launches");
        assertTrue(copies < 125, copies + " copies and fills");
    }

    @Test
    void aRecordedStepIsOneLaunchAndWaitsForNothing() {
        assumeFalse(CudaBackends.isReal(), "the books are the stand-in's");
        final Request request = counted(TWO_BLOCKS);
        final long latents = 4L * 16 * 4 * 6;
        for (final Entry step : request.steps().subList(2, STEPS)) {
            // The latents' download ends a step, and waits for it.
            assertEquals(new Entry(1, step.copies(), 1, 0, 0, latents), step);
            assertTrue(step.copies() <= 4, step.toString());
        }
        // The first step waits once more: for the offsets of the sequences, which are kept from then on.
        assertEquals(2, request.steps().getFirst().waits(), request.steps().getFirst().toString());
    }

    @Test
    void weightsCrossTheBusOnce() {
        assumeFalse(CudaBackends.isReal(), "the books are the stand-in's");
        final Request request = counted(TWO_BLOCKS);
        assertTrue(request.load().toDevice() > 1_000_000, request.toString());
        assertTrue(request.again().toDevice() < 50_000, "a second request uploads " + request.again().toDevice()
                + " bytes; its prompts and rotary tables are no more");
    }

    @Test
    void recordedStepsEqualThoseThatRunAsTheyComeBitForBit() {
        for (final DType type : new DType[] {DType.BF16, DType.F32}) {
            assertArrayEquals(latents(new Mode(type, false, true, true)), latents(new Mode(type, true, true, true)),
                    type.toString());
        }
    }

    @Test
    void promptsTogetherEqualPromptsOneByOne() {
        final Shape shape = Shape.of(16, 4, 6);
        Tensors.assertClose("latents",
                HostTensor.ofFloats(shape, latents(new Mode(DType.F32, true, false, true))),
                HostTensor.ofFloats(shape, latents(new Mode(DType.F32, true, true, true))), 1e-5);
        Tensors.assertCloseInNorm("latents",
                HostTensor.ofFloats(shape, latents(new Mode(DType.BF16, true, false, true))),
                HostTensor.ofFloats(shape, latents(new Mode(DType.BF16, true, true, true))), 2e-2);
    }

    @Test
    void promptsGoOneByOneWhereBothFindNoMemory() {
        assertArrayEquals(latents(new Mode(DType.BF16, true, false, true)),
                latents(new Mode(DType.BF16, true, true, false)));
    }

    private float[] latents(final Mode mode) {
        return latents.computeIfAbsent(mode, CudaStepTest::compute);
    }

    private static float[] compute(final Mode mode) {
        try (Backend backend = limited(CudaBackends.open(mode.type(), PosedDevice.h100()), mode);
                QwenImagePipeline pipeline = StandardQwenImagePipeline.open(MODELS.resolve(TWO_BLOCKS), backend)) {
            return pipeline.denoise(bundle(pipeline, TWO_BLOCKS), REQUEST, StepListener.NONE, Cancellation.NEVER)
                    .tensor("latents").toFloats();
        }
    }

    /** A backend that takes rounds as they come, or sequences one by one, or lacks memory for two sequences at once. */
    private static Backend limited(final Backend backend, final Mode mode) {
        return (Backend) Proxy.newProxyInstance(CudaStepTest.class.getClassLoader(), new Class<?>[] {Backend.class},
                (proxy, method, arguments) -> {
                    if (method.getName().equals("repeat") && !mode.records()) {
                        return Repetition.plain((Repetition.Round) arguments[0]);
                    }
                    if (method.getName().equals("gainsFromBatches")) {
                        return mode.batches();
                    }
                    if (method.getName().equals("jointHeads") && !mode.batchesFindMemory()
                            && ((JointSequences) arguments[5]).count() > 1) {
                        throw new ResourceExhaustedException("no memory for both prompts");
                    }
                    try {
                        return method.invoke(backend, arguments);
                    } catch (final InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    /** Looks into the books whenever the engine asks whether its work is still wanted, and after each step. */
    private Request counted(final String model) {
        return requests.computeIfAbsent(model, CudaStepTest::count);
    }

    private static Request count(final String model) {
        final List<Entry> checks = new ArrayList<>();
        final List<Entry> ends = new ArrayList<>();
        final List<Integer> checksBefore = new ArrayList<>();
        try (Backend backend = CudaBackends.open(DType.BF16, PosedDevice.h100());
                QwenImagePipeline pipeline = StandardQwenImagePipeline.open(MODELS.resolve(model), backend)) {
            final Entry before = Entry.now();
            final Bundle bundle = bundle(pipeline, model);
            pipeline.denoise(bundle, REQUEST, (step, steps, latents) -> {
                checksBefore.add(checks.size());
                ends.add(Entry.now());
            }, () -> checks.add(Entry.now()));
            final Entry loaded = Entry.now();
            pipeline.denoise(bundle, REQUEST, StepListener.NONE, Cancellation.NEVER);
            final List<Entry> steps = new ArrayList<>();
            // A step asks once before it begins, and then once a block.
            steps.add(ends.getFirst().since(checks.get(checksBefore.getFirst() - 1 - blocks(model))));
            for (int step = 1; step < STEPS; step++) {
                steps.add(ends.get(step).since(ends.get(step - 1)));
            }
            return new Request(steps, loaded.since(before), Entry.now().since(loaded));
        }
    }

    private static QwenImageConfig config(final String model) {
        return QwenImageConfig.read(ConfigFile.read(MODELS.resolve(model).resolve("transformer/config.json")));
    }

    private static int blocks(final String model) {
        return config(model).numLayers();
    }

    private static Bundle bundle(final QwenImagePipeline pipeline, final String model) {
        final Random random = new Random(7);
        final int width = config(model).jointAttentionDim();
        return new Bundle(Map.of("prompt_embeds", normal(random, 9, width), "negative_prompt_embeds",
                normal(random, 4, width)), Map.of(Bundle.MODEL_KEY, pipeline.card().id()));
    }

    private static HostTensor normal(final Random random, final int rows, final int width) {
        final float[] values = new float[rows * width];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return HostTensor.ofFloats(Shape.of(rows, width), values);
    }
}
