package io.qwenimage.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.MemoryCacheImageInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class ImageEncoderTest {
    private static final ImageMetadata METADATA = new ImageMetadata("a <red> kite & \"Lisbon\"\n里斯本上空的风筝 \ud83e\ude81\r",
            "blurry", -3L, 20, 4.5, "Qwen-Image", 37, 21, ImageMetadata.TRAINED_ALGORITHMIC_MEDIA, "qwenimage");

    @ParameterizedTest
    @EnumSource(ImageFormat.class)
    void metadataComesBackFromEveryFormat(final ImageFormat format) throws IOException {
        assertEquals(METADATA, ImageMetadata.read(encode(gradient(37, 21), format, METADATA)));
    }

    @ParameterizedTest
    @EnumSource(ImageFormat.class)
    void withoutMetadataNothingIsWritten(final ImageFormat format) throws IOException {
        final byte[] file = encode(gradient(37, 21), format, ImageMetadata.NONE);

        assertEquals(ImageMetadata.NONE, ImageMetadata.read(file));
        assertFalse(new String(file, StandardCharsets.ISO_8859_1).contains("xmp"));
    }

    @ParameterizedTest
    @EnumSource(ImageFormat.class)
    void secretPromptsAppearNowhere(final ImageFormat format) throws IOException {
        final ImageMetadata secret = new ImageMetadata(null, null, 7L, 20, 4.0, "Qwen-Image", 37, 21,
                ImageMetadata.TRAINED_ALGORITHMIC_MEDIA, "qwenimage");

        assertEquals(secret, ImageMetadata.read(encode(gradient(37, 21), format, secret)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"1x1", "2x1", "1x3", "37x21", "256x128"})
    void pngKeepsEveryPixel(final String size) throws IOException {
        final int width = Integer.parseInt(size.substring(0, size.indexOf('x')));
        final RgbImage image = noise(width, Integer.parseInt(size.substring(size.indexOf('x') + 1)));

        assertArrayEquals(image.rgb(), samples(decode(encode(image, ImageFormat.PNG, METADATA))));
        assertArrayEquals(gradient(width, 50).rgb(),
                samples(decode(encode(gradient(width, 50), ImageFormat.PNG, METADATA))));
    }

    @ParameterizedTest
    @EnumSource(names = {"JPEG", "WEBP"})
    void lossyFormatsStayClose(final ImageFormat format) throws IOException {
        final RgbImage image = gradient(37, 21);
        final byte[] decoded = samples(decode(encode(image, format, METADATA)));
        for (int i = 0; i < decoded.length; i++) {
            assertEquals(image.rgb()[i] & 0xff, decoded[i] & 0xff, 24, "sample " + i);
        }
    }

    @Test
    void webpIsLosslessAtQualityOne() throws IOException {
        final RgbImage image = noise(35, 20);
        final ByteArrayOutputStream out = new ByteArrayOutputStream();
        ImageEncoder.write(image, ImageFormat.WEBP, 1, METADATA, out);

        assertArrayEquals(image.rgb(), samples(decode(out.toByteArray())));
    }

    @Test
    void aPromptBeyondASegmentIsCutAndSaysSo() throws IOException {
        final String prompt = "\ud83e\ude81".repeat(500_000);
        final ImageMetadata metadata = new ImageMetadata(prompt, prompt, 1L, 20, 4.0, "m", 8, 8, null, "s");

        final byte[] file = encode(gradient(8, 8), ImageFormat.JPEG, metadata);
        final ImageMetadata read = ImageMetadata.read(file);

        assertTrue(file.length < 3 * 65_536, "size " + file.length);
        assertTrue(read.prompt().endsWith(" [cut here: the whole text has 1000000 characters]"), read.prompt());
        assertTrue(read.prompt().startsWith("\ud83e\ude81".repeat(1000)));
        assertFalse(read.prompt().contains("\ufffd"), "cut within a character");
        assertEquals(1L, read.seed());
        assertNotNull(decode(file));
    }

    @ParameterizedTest
    @EnumSource(names = {"PNG", "WEBP"})
    void aPromptOfAMegabyteFitsWhereThereIsNoLimit(final ImageFormat format) throws IOException {
        final ImageMetadata metadata = new ImageMetadata("é".repeat(1 << 20), null, null, null, null, null, null, null,
                null, null);

        assertEquals(metadata, ImageMetadata.read(encode(gradient(8, 8), format, metadata)));
    }

    @ParameterizedTest
    @EnumSource(ImageFormat.class)
    void charactersThatXmlForbidsAreReplaced(final ImageFormat format) throws IOException {
        final ImageMetadata metadata = new ImageMetadata("a\0b\u0001c\ufffed\ud800e]]>", null, null, null, null, null,
                null, null, null, null);

        final ImageMetadata read = ImageMetadata.read(encode(gradient(8, 8), format, metadata));

        assertTrue(read.prompt().startsWith("a\ufffdb"), read.prompt());
        assertTrue(read.prompt().endsWith("e]]>"), read.prompt());
    }

    @Test
    void exifHoldsTheSettingsAsTheUsersComment() throws IOException {
        final byte[] file = encode(gradient(37, 21), ImageFormat.JPEG, METADATA);
        final String text = new String(file, StandardCharsets.ISO_8859_1);

        assertTrue(text.contains("Exif\0\0MM\0*"));
        assertTrue(text.contains(new String(("Steps: 20, CFG scale: 4.5, Seed: -3, Size: 37x21, Model: Qwen-Image")
                .getBytes(StandardCharsets.UTF_16BE), StandardCharsets.ISO_8859_1)));
    }

    @Test
    void qualityAndExtentsOutOfRangeAreRefused() {
        for (final float quality : new float[] {-0.1f, 1.1f, Float.NaN}) {
            assertThrows(IllegalArgumentException.class, () -> ImageEncoder.write(gradient(8, 8), ImageFormat.JPEG,
                    quality, METADATA, new ByteArrayOutputStream()));
        }
        final IllegalArgumentException refusal = assertThrows(IllegalArgumentException.class,
                () -> encode(gradient(20_000, 1), ImageFormat.WEBP, METADATA));
        assertTrue(refusal.getMessage().contains("20000 x 1"), refusal.getMessage());
    }

    @ParameterizedTest
    @EnumSource(ImageFormat.class)
    void filesCutShortAreRefusedNotMisread(final ImageFormat format) throws IOException {
        final byte[] file = encode(gradient(37, 21), format, METADATA);
        for (int length = 0; length < file.length; length += 7) {
            final byte[] part = Arrays.copyOf(file, length);
            try {
                final ImageMetadata read = ImageMetadata.read(part);
                assertTrue(read.prompt() == null || read.prompt().equals(METADATA.prompt()));
            } catch (IOException refused) {
                assertNotNull(refused.getMessage());
            }
        }
    }

    private static byte[] encode(final RgbImage image, final ImageFormat format, final ImageMetadata metadata)
            throws IOException {
        final ByteArrayOutputStream out = new ByteArrayOutputStream();
        ImageEncoder.write(image, format, ImageEncoder.DEFAULT_QUALITY, metadata, out);
        return out.toByteArray();
    }

    private static BufferedImage decode(final byte[] file) throws IOException {
        try (MemoryCacheImageInputStream in = new MemoryCacheImageInputStream(new ByteArrayInputStream(file))) {
            final ImageReader reader = ImageIO.getImageReaders(in).next();
            reader.setInput(in);
            return reader.read(0);
        }
    }

    private static byte[] samples(final BufferedImage image) {
        final byte[] samples = new byte[image.getWidth() * image.getHeight() * 3];
        for (int i = 0; i < samples.length; i++) {
            final int pixel = image.getRGB(i / 3 % image.getWidth(), i / 3 / image.getWidth());
            samples[i] = (byte) (pixel >> 16 - 8 * (i % 3));
        }
        return samples;
    }

    private static RgbImage gradient(final int width, final int height) {
        final byte[] rgb = new byte[width * height * 3];
        for (int i = 0; i < rgb.length; i++) {
            rgb[i] = (byte) (100 + i / 3 % width % 100 + i / 3 / width);
        }
        return new RgbImage(width, height, rgb);
    }

    private static RgbImage noise(final int width, final int height) {
        final byte[] rgb = new byte[width * height * 3];
        new Random(5).nextBytes(rgb);
        return new RgbImage(width, height, rgb);
    }
}
