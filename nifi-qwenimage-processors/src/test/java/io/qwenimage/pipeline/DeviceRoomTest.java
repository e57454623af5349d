package io.qwenimage.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.backend.CudaBackends;
import io.qwenimage.model.language.LanguageModel;
import io.qwenimage.model.qwen25vl.Qwen25VlLanguage;
import io.qwenimage.tensor.DType;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** What is left for the denoiser, before and after the folder's other components are on the device. */
class DeviceRoomTest {
    private static final Path MODEL = Path.of("src/test/resources/goldens/models/published-bf16-sharded");

    @Test
    void whatIsThereIsNotExpectedAnyMore() {
        final ModelFolder folder = ModelFolder.open(MODEL);
        try (Backend backend = CudaBackends.open(DType.BF16)) {
            final ComponentStore store = new ComponentStore(backend);
            final DeviceRoom empty = DeviceRoom.of(store, folder);
            assertEquals(DeviceRoom.ofEmpty(backend, folder), empty);
            assertEquals(backend.memory().budget() - backend.memory().reserved(), empty.budget());
            assertEquals(0, empty.weights());
            final Path encoder = folder.component(ModelFolder.TEXT_ENCODER);
            try (LoadedComponent<LanguageModel> loaded = store.load(encoder, LanguageModel.class, LanguageModel::scope,
                    scope -> new LanguageModel(scope, Qwen25VlLanguage.config(folder.config(ModelFolder.TEXT_ENCODER))),
                    Cancellation.NEVER)) {
                final DeviceRoom room = DeviceRoom.of(store, folder);
                assertTrue(loaded.model() != null && room.weights() > 0, room.toString());
                // What was expected of it is what it takes.
                assertEquals(empty.expected() - room.expected(), room.weights());
                assertEquals(empty.forDenoiser(), room.forDenoiser());
            }
        }
    }
}
