package io.qwenimage.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.backend.cpu.CpuBackend;
import io.qwenimage.backend.cpu.CpuOptions;
import io.qwenimage.image.ImageSize;
import io.qwenimage.image.RgbImage;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.weights.WeightException;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** What an edit refuses, by name, value and remedy. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class EditInputTest {
    private static final String TEXT_TO_IMAGE = "/goldens/models/published-bf16-sharded";
    private static final String EDIT = "/goldens-vision/models/edit-bf16";
    private static final String EDIT_PLUS = "/goldens-vision/models/edit-2509-bf16";
    private static final DenoiseRequest DENOISE = new DenoiseRequest(32, 32, 2, 1, 0);

    private Backend backend;

    @BeforeAll
    void openBackend() {
        backend = CpuBackend.open(CpuOptions.defaults());
    }

    @AfterAll
    void closeBackend() {
        backend.close();
    }

    @Test
    void eachKindTakesTheNumberOfPicturesOfItsReference() throws URISyntaxException {
        final Map<String, Integer> maxima = new HashMap<>();
        for (final String model : List.of(TEXT_TO_IMAGE, EDIT, EDIT_PLUS)) {
            try (QwenImagePipeline pipeline = open(model)) {
                maxima.put(model, pipeline.card().maximumPictures());
            }
        }
        assertEquals(Map.of(TEXT_TO_IMAGE, 0, EDIT, 1, EDIT_PLUS, 3), maxima);
    }

    @Test
    void picturesForATextToImageModelAreRefused() throws URISyntaxException {
        refused(TEXT_TO_IMAGE, pipeline -> pipeline.encodeImage(pictures(1), Cancellation.NEVER),
                "the number of pictures is 1; use a model that edits");
    }

    @Test
    void anEditWithoutAPictureIsRefusedAtEveryStage() throws URISyntaxException {
        refused(EDIT, pipeline -> pipeline.encodeImage(pictures(0), Cancellation.NEVER),
                "the number of pictures is 0 but this model edits with 1 to 1; give a picture");
        refused(EDIT, pipeline -> pipeline.encodeText(new TextRequest("a", null), Cancellation.NEVER),
                "the number of pictures is 0; give 1 to 1");
        refused(EDIT, pipeline -> pipeline.encodeText(bundle(pipeline, Map.of()), new TextRequest("a", null),
                Cancellation.NEVER), "send 1 to 1 pictures through EncodeImage first");
        refused(EDIT, pipeline -> pipeline.denoise(bundle(pipeline, Map.of()), DENOISE, StepListener.NONE,
                Cancellation.NEVER), "the bundle holds no picture");
    }

    @Test
    void tooManyPicturesAreRefused() throws URISyntaxException {
        refused(EDIT, pipeline -> pipeline.encodeImage(pictures(2), Cancellation.NEVER),
                "the number of pictures is 2 but this model edits with 1 to 1; leave pictures out");
        refused(EDIT_PLUS, pipeline -> pipeline.encodeImage(pictures(4), Cancellation.NEVER),
                "the number of pictures is 4 but this model edits with 1 to 3");
    }

    @Test
    void aPictureTooLongForItsBreadthIsRefused() throws URISyntaxException {
        final RgbImage strip = new RgbImage(3000, 1, new byte[9000]);
        refused(EDIT_PLUS, pipeline -> pipeline.encodeImage(new ImageRequest(List.of(strip)), Cancellation.NEVER),
                "3000 x 1");
    }

    @Test
    void damagedBundlesAreRefusedByTheTensorThatIsWrong() throws URISyntaxException {
        final Map<String, HostTensor> tensors = new HashMap<>(Map.of(
                "image_latents.0", HostTensor.ofFloats(Shape.of(16, 2, 2), new float[64]),
                "vision_embeds.0", HostTensor.ofFloats(Shape.of(1, 32), new float[32]),
                "image_grid_thw", HostTensor.ofLongs(Shape.of(1, 3), 1, 4, 2)));
        refused(EDIT, pipeline -> pipeline.encodeText(bundle(pipeline, tensors), new TextRequest("a", null),
                Cancellation.NEVER), "tensor vision_embeds.0 of the bundle has shape");
        tensors.put("image_grid_thw", HostTensor.ofLongs(Shape.of(1, 3), 1, -2, 2));
        refused(EDIT, pipeline -> pipeline.encodeText(bundle(pipeline, tensors), new TextRequest("a", null),
                Cancellation.NEVER), "tensor image_grid_thw of the bundle holds -2");
    }

    @Test
    void imageToImageRefusesAStrengthThatLeavesNothingToDo() throws URISyntaxException {
        final Map<String, HostTensor> tensors = Map.of(
                "image_latents.0", HostTensor.ofFloats(Shape.of(16, 4, 4), new float[256]),
                "image_deviation.0", HostTensor.ofFloats(Shape.of(16, 4, 4), new float[256]),
                "prompt_embeds", HostTensor.ofFloats(Shape.of(1, 64), new float[64]));
        refused(TEXT_TO_IMAGE, pipeline -> denoise(pipeline, tensors, 32, 0), "the strength is 0.0, which leaves");
        refused(TEXT_TO_IMAGE, pipeline -> denoise(pipeline, tensors, 32, 1.5), "the strength is 1.5; it must lie");
        refused(TEXT_TO_IMAGE, pipeline -> denoise(pipeline, tensors, 64, 0.5), "has 64 x 32 pixels but the bundle's");
        refused(EDIT, pipeline -> pipeline.encodeImage(new ImageRequest(pictures(1).images(),
                new ImageRequest.Start(null, 32, 32)), Cancellation.NEVER), "image-to-image takes one picture");
    }

    @Test
    void anUnknownPipelineIsRefusedByItsName(@TempDir final Path folder) throws IOException {
        Files.writeString(folder.resolve("model_index.json"), "{\"_class_name\": \"QwenImageLayeredPipeline\"}");
        final WeightException refusal = assertThrows(WeightException.class,
                () -> StandardQwenImagePipeline.open(folder, backend));
        assertTrue(refusal.getMessage().contains("QwenImageLayeredPipeline"), refusal.getMessage());
        assertTrue(refusal.getMessage().contains("QwenImageEditPlusPipeline"), refusal.getMessage());
    }

    @Test
    void sizesFollowTheReferencesRule() {
        assertEquals(new ImageSize(832, 1280), PipelineKind.EDIT.appearanceSize(new ImageSize(61, 93)));
        assertEquals(new ImageSize(1024, 1024), PipelineKind.EDIT.conditionSize(new ImageSize(5, 5)));
        assertEquals(new ImageSize(384, 384), PipelineKind.EDIT_PLUS.conditionSize(new ImageSize(5, 5)));
        final List<ImageSize> sizes = List.of(new ImageSize(5, 5), new ImageSize(61, 93));
        assertEquals(new ImageSize(832, 1280), PipelineKind.EDIT_PLUS.outputSize(sizes));
    }

    private void refused(final String model, final Consumer<QwenImagePipeline> work,
            final String words) throws URISyntaxException {
        try (QwenImagePipeline pipeline = open(model)) {
            final DataException refusal = assertThrows(DataException.class, () -> work.accept(pipeline));
            assertTrue(refusal.getMessage().contains(words), refusal.getMessage());
        }
    }

    private static void denoise(final QwenImagePipeline pipeline, final Map<String, HostTensor> tensors,
            final int width, final double strength) {
        pipeline.denoise(bundle(pipeline, tensors), new DenoiseRequest(width, 32, 2, 1, 0, strength),
                StepListener.NONE, Cancellation.NEVER);
    }

    private QwenImagePipeline open(final String model) throws URISyntaxException {
        return StandardQwenImagePipeline.open(Path.of(getClass().getResource(model).toURI()), backend);
    }

    private static ImageRequest pictures(final int count) {
        return new ImageRequest(new ArrayList<>(Collections.nCopies(count, new RgbImage(4, 4, new byte[48]))));
    }

    private static Bundle bundle(final QwenImagePipeline pipeline, final Map<String, HostTensor> tensors) {
        return new Bundle(tensors, Map.of(Bundle.FORMAT_KEY, Bundle.FORMAT, Bundle.MODEL_KEY, pipeline.card().id()));
    }
}
