package io.qwenimage.image;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;

/** The files of {@code make_picture_goldens.py}, and how Pillow reads them. */
final class PictureFiles {
    private static final String EXPECTED = "expected.json";

    private final Map<String, byte[]> files = new TreeMap<>();
    private final JsonNode expected;

    PictureFiles() {
        try (InputStream in = PictureFiles.class.getResourceAsStream("/pictures/decoding.zip");
                ZipInputStream zip = new ZipInputStream(in)) {
            for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
                files.put(entry.getName(), zip.readAllBytes());
            }
            expected = new ObjectMapper().readTree(files.remove(EXPECTED));
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    Map<String, byte[]> files() {
        return files;
    }

    byte[] file(final String name) {
        return files.get(name);
    }

    /** Whether Pillow refuses a file. */
    boolean refused(final String name) {
        return expected.get(name).isNull();
    }

    /** Width, height and digest of the samples. */
    String answer(final String name) {
        final JsonNode answer = expected.get(name);
        return answer.get(0).asInt() + " x " + answer.get(1).asInt() + " " + answer.get(2).asText();
    }

    static String describe(final RgbImage image) {
        return image.width() + " x " + image.height() + " " + DrawnPictures.digest(image.rgb());
    }
}
