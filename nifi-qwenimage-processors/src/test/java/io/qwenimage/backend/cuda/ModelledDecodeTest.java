package io.qwenimage.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.Backend;
import io.qwenimage.backend.Cancellation;
import io.qwenimage.backend.CudaBackends;
import io.qwenimage.kernels.standin.StandIn;
import io.qwenimage.model.ConfigFile;
import io.qwenimage.model.qwenimagevae.QwenImageDecoder;
import io.qwenimage.model.qwenimagevae.QwenImageVaeConfig;
import io.qwenimage.nn.ModuleScope;
import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import io.qwenimage.weights.Checkpoints;
import io.qwenimage.weights.WeightScope;
import io.qwenimage.weights.WeightSource;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** The log has what the model says, and the model what the decoder does. */
class ModelledDecodeTest {
    /** Narrow, with the published one's levels and blocks. */
    private static final Path VAE = Path.of("src/test/resources/goldens/models/nested-f32/vae");

    @Test
    void theLogHasTheModelledDecode() throws IOException {
        final String report = new ModelledDecode().report();
        assertTrue(Files.readString(Path.of("PERFORMANCE.md")).contains(report), "PERFORMANCE.md should have\n" + report);
    }

    @Test
    void everyConvolutionIsModelled() throws IOException {
        assumeFalse(CudaBackends.isReal(), "the books are the stand-in's");
        try (Backend backend = CudaBackends.open(DType.BF16); WeightSource source = Checkpoints.open(VAE);
                Arena arena = backend.openArena("test")) {
            final QwenImageVaeConfig config = QwenImageVaeConfig.read(ConfigFile.read(VAE.resolve("config.json")));
            new QwenImageDecoder(ModuleScope.of(backend, arena, WeightScope.of(source)), config).forward(arena,
                    HostTensor.ofFloats(Shape.of(config.zDim(), 1, 1), new float[config.zDim()]), Cancellation.NEVER,
                    (name, picture) -> { });
            assertEquals(new ModelledDecode().count(), StandIn.install().books().convolutions());
        }
    }
}
