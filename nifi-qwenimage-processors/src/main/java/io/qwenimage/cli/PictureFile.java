package io.qwenimage.cli;

import io.qwenimage.image.ImageDecoder;
import io.qwenimage.image.ImageException;
import io.qwenimage.image.RgbImage;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;

/** Reads the pictures that a command line names. */
final class PictureFile {
    private static final int MAXIMUM_BYTES = 1 << 30;

    private PictureFile() {
    }

    /**
     * Reads a picture.
     *
     * @param option names it in messages, "--image" for instance
     * @throws CommandException if there is no such file or it is no picture
     */
    static RgbImage read(final String option, final Path file) {
        if (!Files.isRegularFile(file)) {
            throw new CommandException(option + ": " + file + " does not exist or is no file; name a picture");
        }
        try (InputStream in = Files.newInputStream(file)) {
            return ImageDecoder.read(in, MAXIMUM_BYTES, ImageDecoder.MAXIMUM_PIXELS);
        } catch (ImageException e) {
            throw new CommandException(option + ": " + file + ": " + e.getMessage(), e);
        } catch (IOException e) {
            throw new CommandException(option + ": " + file + " cannot be read: " + e.getMessage()
                    + "; check the file and its permissions", e);
        }
    }
}
