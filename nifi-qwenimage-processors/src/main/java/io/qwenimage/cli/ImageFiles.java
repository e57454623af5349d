package io.qwenimage.cli;

import io.qwenimage.image.ImageDecoder;
import io.qwenimage.image.ImageException;
import io.qwenimage.image.RgbImage;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;

/** Reads pictures that the command line names. */
final class ImageFiles {
    private static final int MAXIMUM_BYTES = 1 << 30;

    private ImageFiles() {
    }

    /**
     * Reads a picture.
     *
     * @param option names the file in messages, for instance "--image"
     * @throws CommandException if it cannot be read or is no picture
     */
    static RgbImage read(final String option, final Path file) {
        if (Files.isDirectory(file)) {
            throw new CommandException(option + " " + file + " is a folder; name a picture in it");
        }
        try (InputStream in = new BufferedInputStream(Files.newInputStream(file))) {
            return ImageDecoder.read(in, MAXIMUM_BYTES, ImageDecoder.MAXIMUM_PIXELS);
        } catch (ImageException e) {
            throw new CommandException(option + " " + file + ": " + e.getMessage(), e);
        } catch (IOException e) {
            throw new CommandException(option + " " + file + " cannot be read (" + e + "); name a picture file", e);
        }
    }
}
