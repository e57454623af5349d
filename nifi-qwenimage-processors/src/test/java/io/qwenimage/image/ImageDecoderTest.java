package io.qwenimage.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class ImageDecoderTest {
    /** Refused here, read by Pillow: the first two with black or grey in place of what is missing. */
    private static final List<String> STRICTER = List.of("png-rows-missing.png", "jpeg-cut-and-ended.jpg",
            "tiff-fax.tif");
    private static final PictureFiles GOLDENS = new PictureFiles();

    @ParameterizedTest
    @ValueSource(strings = {"png", "jpeg", "orientation", "webp", "gif", "bmp", "tiff"})
    void everyFileIsReadAsPillowReadsIt(final String kind) {
        final List<String> differences = new ArrayList<>();
        int compared = 0;
        for (final Map.Entry<String, byte[]> file : GOLDENS.files().entrySet()) {
            final String name = file.getKey();
            if (name.startsWith(kind) && !GOLDENS.refused(name) && !STRICTER.contains(name)) {
                final String read = describe(file.getValue());
                if (!read.equals(GOLDENS.answer(name))) {
                    differences.add(name + ": expected " + GOLDENS.answer(name) + ", read " + read);
                }
                compared++;
            }
        }
        assertTrue(compared >= 20, kind + " has " + compared);
        assertEquals(List.of(), differences);
    }

    @Test
    void whatPillowRefusesIsRefused() {
        int refused = 0;
        for (final Map.Entry<String, byte[]> file : GOLDENS.files().entrySet()) {
            if (GOLDENS.refused(file.getKey()) || STRICTER.contains(file.getKey())) {
                assertThrows(ImageException.class, () -> ImageDecoder.read(file.getValue()), file.getKey());
                refused++;
            }
        }
        assertTrue(refused >= 20, "refused " + refused);
    }

    @ParameterizedTest
    @CsvSource({
        "png-bomb.png, 20000 x 20000", "jpeg-bomb.jpg, 20000 x 20000", "bmp-bomb.bmp, 20000 x 20000",
        "png-zero-width.png, 0 x 7", "png-cut.png, truncated", "png-rows-missing.png, truncated",
        "png-filter-5.png, filter 5", "png-damaged-header.png, checksum", "png-no-pixels.png, no pixels",
        "jpeg-cut.jpg, truncated", "jpeg-progressive-cut.jpg, truncated", "jpeg-without-end.jpg, truncated",
        "jpeg-cut-and-ended.jpg, end early", "jpeg-12-bits.jpg, 12 bits", "jpeg-fraction.jpg, 3 x 1",
        "jpeg-tables-alone.jpg, no frame", "webp-cut.webp, truncated", "webp-header-alone.webp, truncated",
        "gif-cut.gif, truncated", "gif-header-alone.gif, truncated", "bmp-cut.bmp, truncated",
        "tiff-cut.tif, truncated", "tiff-fax.tif, fax compression",
    })
    void refusalsSayWhatIsWrong(final String name, final String words) {
        assertRefused(GOLDENS.file(name), words);
    }

    @ParameterizedTest
    @CsvSource({"<svg/>, SVG", "%PDF-1.7, PDF", "8BPS, Photoshop", "hello, 68 65 6c 6c 6f", "'', 0 bytes",
        "0000ftypheic, HEIC"})
    void whatIsNoPictureIsNamed(final String content, final String words) {
        assertRefused(content.getBytes(StandardCharsets.US_ASCII), words);
        assertRefused(content.getBytes(StandardCharsets.US_ASCII), "PNG, JPEG, WebP, GIF, BMP and TIFF");
    }

    @Test
    void bigTiffIsNamed() {
        assertRefused(new byte[] {'I', 'I', 43, 0, 8, 0, 0, 0}, "BigTIFF");
    }

    @Test
    void theLimitOfPixelsIsTheCallers() {
        final byte[] file = GOLDENS.file("png-gamma-profile.png");

        assertEquals(63, ImageDecoder.read(file, 63).width() * ImageDecoder.read(file, 63).height());
        final ImageException refusal = assertThrows(ImageException.class, () -> ImageDecoder.read(file, 62));
        assertTrue(refusal.getMessage().contains("9 x 7"), refusal.getMessage());
        assertTrue(refusal.getMessage().contains("62"), refusal.getMessage());
    }

    @Test
    void aStreamIsReadUpToALimit() throws IOException {
        final byte[] file = GOLDENS.file("png-1x1.png");

        assertEquals(1, ImageDecoder.read(new ByteArrayInputStream(file), file.length, 1).width());
        final ImageException refusal = assertThrows(ImageException.class,
                () -> ImageDecoder.read(new ByteArrayInputStream(file), file.length - 1, 1));
        assertTrue(refusal.getMessage().contains(String.valueOf(file.length - 1)), refusal.getMessage());
    }

    @ParameterizedTest
    @EnumSource(ImageFormat.class)
    void everyFormatThatIsWrittenIsRead(final ImageFormat format) throws IOException {
        final RgbImage image = DrawnPictures.draw("waves", 41, 30, 7);
        final ByteArrayOutputStream out = new ByteArrayOutputStream();
        ImageEncoder.write(image, format, 1, ImageMetadata.NONE, out);
        final RgbImage read = ImageDecoder.read(out.toByteArray());

        assertEquals(ImageSize.of(image), ImageSize.of(read));
        if (format != ImageFormat.JPEG) {
            assertEquals(PictureFiles.describe(image), PictureFiles.describe(read));
        }
    }

    /** Seeded damage to every file: it is read or refused, by no other exception, and no picture is larger than allowed. */
    @Test
    void damagedFilesAreReadOrRefused() {
        final Random random = new Random(11);
        int read = 0;
        int refused = 0;
        for (final Map.Entry<String, byte[]> file : GOLDENS.files().entrySet()) {
            for (int trial = 0; trial < 12; trial++) {
                final byte[] damaged = damage(file.getValue(), random);
                try {
                    final RgbImage image = ImageDecoder.read(damaged, 1 << 20);
                    assertTrue(image.width() * image.height() <= 1 << 20);
                    read++;
                } catch (ImageException e) {
                    assertTrue(e.getMessage().contains(";") || e.getMessage().contains(". "), e.getMessage());
                    refused++;
                } catch (RuntimeException e) {
                    throw new AssertionError(file.getKey() + ", trial " + trial, e);
                }
            }
        }
        assertTrue(read > 500 && refused > 500, read + " read, " + refused + " refused");
    }

    @Test
    void everyCutOfAFileIsReadOrRefused() {
        for (final String name : List.of("png-6-16-1-1.png", "jpeg-4.jpg", "jpeg-0.jpg", "webp-animated-0.webp",
                "gif-animated.gif", "bmp-runs-literal.bmp", "tiff-LA-tiff_lzw.tif", "orientation-raw-profile.png")) {
            final byte[] file = GOLDENS.file(name);
            for (int length = 0; length < file.length; length++) {
                final byte[] part = Arrays.copyOf(file, length);
                try {
                    assertEquals(GOLDENS.answer(name), PictureFiles.describe(ImageDecoder.read(part)), name);
                } catch (ImageException refused) {
                    assertTrue(refused.getMessage().length() > 20, refused.getMessage());
                }
            }
        }
    }

    private static byte[] damage(final byte[] file, final Random random) {
        final byte[] damaged = random.nextInt(4) == 0 ? Arrays.copyOf(file, random.nextInt(file.length) + 1)
                : file.clone();
        // Headers decide more than pixels do.
        final int reach = random.nextBoolean() ? Math.min(64, damaged.length) : damaged.length;
        for (int change = random.nextInt(4); change >= 0; change--) {
            final int at = random.nextInt(reach);
            damaged[at] = switch (random.nextInt(4)) {
                case 0 -> (byte) 0xff;
                case 1 -> 0;
                case 2 -> (byte) (damaged[at] ^ 1 << random.nextInt(8));
                default -> (byte) random.nextInt(256);
            };
        }
        return damaged;
    }

    private static void assertRefused(final byte[] file, final String words) {
        final ImageException refusal = assertThrows(ImageException.class, () -> ImageDecoder.read(file));
        assertTrue(refusal.getMessage().contains(words), refusal.getMessage());
    }

    private static String describe(final byte[] file) {
        try {
            return PictureFiles.describe(ImageDecoder.read(file));
        } catch (ImageException e) {
            return e.getMessage();
        }
    }
}
