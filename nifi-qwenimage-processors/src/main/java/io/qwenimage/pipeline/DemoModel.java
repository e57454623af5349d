package io.qwenimage.pipeline;

import io.qwenimage.weights.WeightException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The small model that is packed with the product, so that nothing has to be downloaded. Networks map their weights
 * from files, so it is unpacked into a folder first; what is there already and has the right checksum is left alone.
 */
public final class DemoModel {
    private static final String RESOURCES = "/io/qwenimage/demo/";
    /** Lines of checksum (SHA-256, hexadecimal), two blanks and path, as sha256sum writes them. */
    private static final String LISTING = "files.txt";
    private static final int NAME_DIGITS = 16;

    private DemoModel() {
    }

    /**
     * A folder of this user's: in the user's cache, where nobody else writes; below the system's temporary folder for a
     * user without a home.
     */
    public static Path defaultCache() {
        final String cache = System.getenv("XDG_CACHE_HOME");
        final Path folder = (cache == null || cache.isBlank() ? Path.of(System.getProperty("user.home"), ".cache")
                : Path.of(cache)).resolve("nifi-qwenimage");
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            return temporary();
        }
        return Files.isWritable(folder) ? folder : temporary();
    }

    private static Path temporary() {
        return Path.of(System.getProperty("java.io.tmpdir"), "qwenimage-" + System.getProperty("user.name"));
    }

    /**
     * Unpacks the demo model if it is not there yet.
     *
     * @param cache the folder above the model's; made if it does not exist
     * @return the model's folder, in the layout of {@code Qwen/Qwen-Image}
     * @throws WeightException if it cannot be written
     */
    public static Path unpack(final Path cache) {
        try {
            final byte[] listing = read(LISTING);
            final Path folder = cache.resolve("demo-" + sha256(listing).substring(0, NAME_DIGITS));
            for (final Map.Entry<String, String> file : files(listing).entrySet()) {
                unpack(folder.resolve(file.getKey()), file.getKey(), file.getValue());
            }
            return folder;
        } catch (IOException e) {
            throw new WeightException("the demo model cannot be unpacked into " + cache + ": " + e
                    + "; make the folder writable or name another", e);
        }
    }

    private static void unpack(final Path target, final String name, final String checksum) throws IOException {
        if (Files.isRegularFile(target) && sha256(Files.readAllBytes(target)).equals(checksum)) {
            return;
        }
        final byte[] content = read(name);
        if (!sha256(content).equals(checksum)) {
            throw new IOException("resource " + name + " has not the checksum that " + LISTING + " states");
        }
        Files.createDirectories(target.getParent());
        // Another process may unpack at the same moment: both write a file of their own and move it into place.
        final Path temporary = Files.createTempFile(target.getParent(), target.getFileName().toString(), ".part");
        try {
            Files.write(temporary, content);
            move(temporary, target);
        } finally {
            Files.deleteIfExists(temporary);
        }
    }

    private static void move(final Path from, final Path to) throws IOException {
        try {
            Files.move(from, to, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (AtomicMoveNotSupportedException e) {
            Files.move(from, to, StandardCopyOption.REPLACE_EXISTING);
        }
    }

    private static Map<String, String> files(final byte[] listing) {
        final Map<String, String> files = new LinkedHashMap<>();
        new String(listing, StandardCharsets.UTF_8).lines().filter(line -> !line.isBlank()).forEach(line -> {
            final String[] parts = line.trim().split(" +", 2);
            files.put(parts[1], parts[0]);
        });
        return files;
    }

    private static byte[] read(final String name) throws IOException {
        try (InputStream stream = DemoModel.class.getResourceAsStream(RESOURCES + name)) {
            if (stream == null) {
                throw new IOException("resource " + RESOURCES + name + " is missing from the product");
            }
            return stream.readAllBytes();
        }
    }

    private static String sha256(final byte[] content) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
