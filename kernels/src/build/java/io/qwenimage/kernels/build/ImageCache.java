package io.qwenimage.kernels.build;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * Compiled programs by the content that they were made from: source, headers, options and compiler. The folder outlives
 * the build folder; what was not used for a month goes.
 */
final class ImageCache {
    private static final Duration KEPT = Duration.ofDays(30);
    private static final Duration CLAIM = Duration.ofMinutes(2);
    private static final List<String> ENDINGS = List.of(".cubin", ".ptx", ".log");

    private final Path folder;

    ImageCache(final Path folder) {
        this.folder = folder;
    }

    /** Whether a program is stored. */
    boolean has(final String key) {
        return Files.exists(file(key, ".log"));
    }

    /**
     * Says that this process compiles a program.
     *
     * @return false if another one said so; of those that died over it the claim is too old to count
     */
    boolean begin(final String key) throws IOException {
        Files.createDirectories(folder);
        final Path claim = file(key, ".begun");
        if (Files.exists(claim) && Files.getLastModifiedTime(claim).toInstant().isAfter(Instant.now().minus(CLAIM))) {
            return false;
        }
        Files.deleteIfExists(claim);
        try {
            Files.createFile(claim);
            return true;
        } catch (final FileAlreadyExistsException e) {
            return false;
        }
    }

    /** The stored program, or the one that is compiled now. */
    Nvrtc.Program get(final String key, final Supplier<Nvrtc.Program> compiler) throws IOException {
        final Path log = file(key, ".log");
        if (Files.exists(log)) {
            for (final String ending : ENDINGS) {
                Files.setLastModifiedTime(file(key, ending), FileTime.from(Instant.now()));
            }
            return new Nvrtc.Program(Files.readAllBytes(file(key, ".cubin")), Files.readString(file(key, ".ptx")),
                    Files.readString(log));
        }
        final Nvrtc.Program program = compiler.get();
        Files.createDirectories(folder);
        write(file(key, ".cubin"), program.cubin());
        write(file(key, ".ptx"), program.ptx().getBytes(StandardCharsets.UTF_8));
        // Last: its presence says that the others are complete.
        write(log, program.log().getBytes(StandardCharsets.UTF_8));
        Files.deleteIfExists(file(key, ".begun"));
        return program;
    }

    /** Removes what was not used for a month. */
    void prune() throws IOException {
        if (!Files.isDirectory(folder)) {
            return;
        }
        final Instant limit = Instant.now().minus(KEPT);
        try (Stream<Path> files = Files.list(folder)) {
            for (final Path file : files.filter(Files::isRegularFile).toList()) {
                if (Files.getLastModifiedTime(file).toInstant().isBefore(limit)) {
                    Files.deleteIfExists(file);
                }
            }
        }
    }

    /** A name for the outcome of one compilation. */
    static String key(final KernelSource source, final List<String> options, final String compiler) {
        final MessageDigest digest = sha256();
        update(digest, compiler);
        options.forEach(option -> update(digest, option));
        update(digest, source.fileName());
        update(digest, source.text());
        for (final Map.Entry<String, String> header : source.headers().entrySet()) {
            update(digest, header.getKey());
            update(digest, header.getValue());
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    private Path file(final String key, final String ending) {
        return folder.resolve(key + ending);
    }

    private static void write(final Path file, final byte[] bytes) {
        try {
            final Path part = Files.createTempFile(file.getParent(), "image", ".part");
            Files.write(part, bytes);
            Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (final IOException e) {
            throw new UncheckedIOException("The cache of compiled kernels cannot be written: " + file, e);
        }
    }

    private static void update(final MessageDigest digest, final String text) {
        final byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        digest.update((bytes.length + ":").getBytes(StandardCharsets.UTF_8));
        digest.update(bytes);
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (final NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
