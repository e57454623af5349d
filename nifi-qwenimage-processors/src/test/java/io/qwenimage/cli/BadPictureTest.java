package io.qwenimage.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.CRC32;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Pictures and folders that no model can use, through the commands and real models. */
class BadPictureTest {
    private static final String CHAT = "src/test/resources/goldens-vision/models/qwen25vl-flat-bf16";
    private static final String EDIT = "src/test/resources/goldens-vision/models/edit-bf16";
    private static final int IHDR_CRC = 29;

    @TempDir
    private Path folder;

    @ParameterizedTest
    @CsvSource({"text, no picture", "cut.png, PNG", "cut.jpg, JPEG", "huge.png, 20000 x 20000", "banner.png, 210",
        "missing.png, missing.png"})
    void everyCommandNamesWhatIsWrong(final String name, final String words) throws IOException {
        final String picture = write(name);
        for (final String[] command : new String[][] {
            {"chat", "--model", CHAT, "--image", picture, "--prompt", "?", "--max-new-tokens", "2"},
            {"caption", "--model", CHAT, "--image", picture},
            {"ground", "--model", CHAT, "--image", picture, "--phrase", "kite"},
            {"generate", "--model", EDIT, "--image", picture, "--prompt", "blue", "--steps", "2", "--seed", "1",
                "--output", folder.resolve("out.png").toString()}}) {
            if (command[0].equals("generate") && name.equals("banner.png")) {
                continue; // an edit resizes its picture to an area, which makes the banner narrower than this bound
            }
            final CommandRun run = CommandRun.of(new StandardEngineFactory(), command);
            assertEquals(1, run.status(), () -> command[0] + ": " + run);
            assertEquals(1, run.err().strip().lines().count(), run.err());
            assertTrue(run.err().contains(words), () -> command[0] + ": " + run.err());
            assertFalse(Files.exists(folder.resolve("out.png")));
        }
    }

    @Test
    void aPictureOfOnePixelIsAPicture() throws IOException {
        final CommandRun run = CommandRun.of(new StandardEngineFactory(), "chat", "--model", CHAT, "--image",
                write("one.png"), "--prompt", "?", "--max-new-tokens", "2");
        assertEquals(0, run.status(), run.err());
    }

    @ParameterizedTest
    @ValueSource(strings = {"src/test/resources/goldens/models/nested-f32/transformer",
        "src/test/resources/goldens/models/nested-f32/vae", "src/test/resources/tokenizer", "pom.xml"})
    void aFolderOfAnotherKindIsNamed(final String model) {
        final CommandRun run =
                CommandRun.of(new StandardEngineFactory(), "chat", "--model", model, "--prompt", "?");
        assertEquals(1, run.status(), run.out());
        assertEquals(1, run.err().strip().lines().count(), run.err());
        assertTrue(run.err().contains(model), run.err());
    }

    private String write(final String name) throws IOException {
        final Path file = folder.resolve(name);
        switch (name) {
            case "text" -> Files.writeString(file, "a kite", StandardCharsets.UTF_8);
            case "cut.png" -> Files.write(file, half(picture("png", 40, 30)));
            case "cut.jpg" -> Files.write(file, half(picture("jpg", 40, 30)));
            case "huge.png" -> Files.write(file, sized(picture("png", 4, 4), 20000));
            case "banner.png" -> Files.write(file, picture("png", 2100, 10));
            case "one.png" -> Files.write(file, picture("png", 1, 1));
            default -> { }
        }
        return file.toString();
    }

    private static byte[] half(final byte[] whole) {
        return Arrays.copyOf(whole, whole.length / 2);
    }

    /** The header tells of a picture that the data does not hold. */
    private static byte[] sized(final byte[] png, final int side) {
        final ByteBuffer file = ByteBuffer.wrap(png).putInt(16, side).putInt(20, side);
        final CRC32 check = new CRC32();
        check.update(png, 12, IHDR_CRC - 12);
        return file.putInt(IHDR_CRC, (int) check.getValue()).array();
    }

    private static byte[] picture(final String format, final int width, final int height) throws IOException {
        final BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
        for (int i = 0; i < width * height; i++) {
            image.setRGB(i % width, i / width, i * 7919);
        }
        final ByteArrayOutputStream out = new ByteArrayOutputStream();
        ImageIO.write(image, format, out);
        return out.toByteArray();
    }
}
