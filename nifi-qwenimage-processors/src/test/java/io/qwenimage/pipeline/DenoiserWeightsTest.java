package io.qwenimage.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.qwenimage.backend.Backend;
import io.qwenimage.backend.ReferenceBackend;
import io.qwenimage.backend.ResourceExhaustedException;
import io.qwenimage.model.qwenimage.QwenImageConfig;
import io.qwenimage.model.qwenimage.QwenImageResidency;
import io.qwenimage.weights.WeightSource;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Which of the denoiser's weights stay, by their sizes alone. */
class DenoiserWeightsTest {
    /** 60 blocks of ten bytes and five of modulation, and a hundred beside them. */
    private static final DenoiserWeights WEIGHTS = new DenoiserWeights(60, 10, 5, 100, bytes -> bytes);

    @Test
    void allWeightsStayWhereTheyFit() {
        assertEquals(1000, WEIGHTS.all());
        final QwenImageResidency residency = WEIGHTS.within(1000).orElseThrow();
        assertEquals("0 of 60, 0 of 60", residency.blocks() + ", " + residency.modulations());
        assertEquals(1000, WEIGHTS.taken(residency));
        assertEquals("", WEIGHTS.describe(residency));
    }

    @Test
    void modulationIsStreamedFirst() {
        assertResidency(999, "0 of 60", "2 of 60");
        assertResidency(705, "0 of 60", "60 of 60");
        assertResidency(704, "3 of 60", "60 of 60");
    }

    @Test
    void asFewBlocksAsPossibleAreStreamedInTwoSlots() {
        for (int streamed = 3; streamed <= 60; streamed++) {
            final int room = 105 + (60 - streamed + 2) * 10;
            final QwenImageResidency residency = assertResidency(room, streamed + " of 60", "60 of 60");
            assertEquals(2, residency.blocks().slots());
            assertEquals(room, WEIGHTS.taken(residency));
            assertEquals(streamed * 10 + 60 * 5, WEIGHTS.pageLocked(residency));
        }
    }

    @Test
    void theLeastIsOneBlockAtATime() {
        assertEquals(115, WEIGHTS.least());
        assertEquals(1, assertResidency(124, "60 of 60", "60 of 60").blocks().slots());
        assertEquals(1, assertResidency(115, "60 of 60", "60 of 60").blocks().slots());
        assertEquals(Optional.empty(), WEIGHTS.within(114));
        final ResourceExhaustedException error = assertThrows(ResourceExhaustedException.class,
                () -> new DeviceRoom(1 << 20, 1 << 18, 1 << 18, 1 << 19, 0).residency(WEIGHTS));
        assertEquals("the denoiser's weights need 0.0 MiB of the device's memory, and 0.0 MiB if all its blocks are "
                + "streamed, but 0.0 MiB are free for them: the memory budget is 1.0 MiB beside what libraries keep, "
                + "weights take 0.3 MiB, text encoder and VAE still to come 0.3 MiB, computing 0.5 MiB. A larger "
                + "memory budget or a smaller model helps", error.getMessage());
    }

    @Test
    void spareRoomIsLeftWhereItCostsMoreStreamingOnly() {
        // 1000 bytes hold all weights; as many as leave 295 bytes spare are all blocks without their modulation.
        assertEquals("0 of 60, 0 of 60", placed(new DeviceRoom(1000, 0, 0, 0, 0)));
        assertEquals("0 of 60, 60 of 60", placed(new DeviceRoom(1000, 0, 0, 0, 295)));
        assertEquals("60 of 60, 60 of 60", placed(new DeviceRoom(1000, 400, 300, 185, 0)));
        assertEquals("60 of 60, 60 of 60", placed(new DeviceRoom(1000, 400, 300, 185, 1)));
    }

    private static String placed(final DeviceRoom room) {
        final QwenImageResidency residency = room.residency(WEIGHTS);
        return residency.blocks() + ", " + residency.modulations();
    }

    @Test
    void theResidencyInWords() {
        final DenoiserWeights published = new DenoiserWeights(60, 453L << 20, 226L << 20, 200L << 20,
                bytes -> bytes);
        assertEquals("the modulation of 56 of 60 once a request, from 12.4 GiB of page-locked host memory",
                published.describe(published.within(28L << 30).orElseThrow()));
        assertEquals("41 of 60 blocks of the denoiser are streamed in every step, and the modulation of 60 of 60 once "
                + "a request, from 31.4 GiB of page-locked host memory",
                published.describe(published.within(10L << 30).orElseThrow()));
    }

    @Test
    void sizesOfACheckpoint() {
        final ModelFolder folder = ModelFolder.open(
                Path.of("src/test/resources/goldens/models/published-bf16-sharded"));
        try (Backend backend = new ReferenceBackend();
                WeightSource source = folder.weights(ModelFolder.TRANSFORMER)) {
            final DenoiserWeights weights = DenoiserWeights.of(source, 2, backend);
            final long all = source.names().stream().mapToLong(name -> 4 * source.info(name).shape().elements()).sum();
            assertEquals(all, weights.all());
            final long width = QwenImageConfig.read(folder.config(ModelFolder.TRANSFORMER)).innerDim();
            // Two linear layers of six times the width, and biases.
            assertEquals(4 * 2 * (6 * width * width + 6 * width), weights.modulation());
            assertTrue(weights.block() > weights.modulation(), weights.toString());
        }
    }

    private static QwenImageResidency assertResidency(final long room, final String blocks, final String modulations) {
        final QwenImageResidency residency = WEIGHTS.within(room).orElseThrow();
        assertEquals(blocks, residency.blocks().toString(), "blocks in " + room);
        assertEquals(modulations, residency.modulations().toString(), "modulations in " + room);
        return residency;
    }
}
