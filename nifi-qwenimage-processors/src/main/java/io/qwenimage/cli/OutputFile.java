package io.qwenimage.cli;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/**
 * A file that is either written whole or not at all: bytes go into another file beside it, which takes its place at
 * the end. Making that other file first proves, before any work, that the place can be written.
 */
final class OutputFile implements AutoCloseable {
    private final Path target;
    private final Path temporary;

    private OutputFile(final Path target, final Path temporary) {
        this.target = target;
        this.temporary = temporary;
    }

    /** Writes bytes. */
    @FunctionalInterface
    interface Content {
        void write(OutputStream out) throws IOException;
    }

    /**
     * Claims a place.
     *
     * @param option names the file in messages, for instance "--output"
     * @throws CommandException if the place cannot be written
     */
    static OutputFile claim(final String option, final Path file) {
        final Path target = file.toAbsolutePath();
        final Path folder = target.getParent();
        if (folder == null || Files.isDirectory(target)) {
            throw new CommandException(option + " " + file + " is a folder; name a file in it");
        }
        if (!Files.isDirectory(folder)) {
            throw new CommandException(option + " " + file + " lies in " + folder
                    + ", which is no folder; make it or name another");
        }
        if (Files.exists(target) && !Files.isWritable(target)) {
            throw new CommandException(option + " " + file + " exists and cannot be written; remove it or name another");
        }
        final Path temporary = folder.resolve("." + target.getFileName() + "."
                + Long.toHexString(ProcessHandle.current().pid()) + ".part");
        try {
            Files.newOutputStream(temporary, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING).close();
        } catch (IOException e) {
            throw new CommandException(option + " " + file + " cannot be written (" + e
                    + "); make the folder writable or name another", e);
        }
        // For a process that is told to end while it works.
        temporary.toFile().deleteOnExit();
        return new OutputFile(target, temporary);
    }

    /**
     * Writes the file and puts it in its place.
     *
     * @throws CommandException if that fails, for instance because the disk is full; nothing is left behind then
     */
    void write(final Content content) {
        try {
            try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(temporary), 1 << 16)) {
                content.write(out);
            }
            move();
        } catch (IOException e) {
            throw new CommandException(target + " could not be written (" + e
                    + "); see that its disk has room, or name another place", e);
        }
    }

    /** Removes what is unfinished. */
    @Override
    public void close() {
        try {
            Files.deleteIfExists(temporary);
        } catch (IOException e) {
            throw new CommandException("the unfinished file " + temporary + " cannot be removed (" + e
                    + "); remove it by hand", e);
        }
    }

    private void move() throws IOException {
        try {
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
        } catch (AtomicMoveNotSupportedException e) {
            Files.move(temporary, target, StandardCopyOption.REPLACE_EXISTING);
        }
    }
}
