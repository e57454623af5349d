package io.qwenimage.kernels.standin;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collections;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** Knows the images of the build by their content, so that a cubin leads to the PTX that it was assembled from. */
final class ImageTable {
    private static final String FOLDER = "io/qwenimage/kernels/images/";

    private final Map<String, String> names = new HashMap<>();

    ImageTable() {
        try {
            for (final URL folder : Collections.list(ImageTable.class.getClassLoader().getResources(FOLDER))) {
                readFolder(folder.toURI());
            }
        } catch (final IOException | URISyntaxException e) {
            throw new IllegalStateException("the kernels' images cannot be read", e);
        }
    }

    private void readFolder(final URI folder) throws IOException {
        if ("jar".equals(folder.getScheme())) {
            try (FileSystem jar = FileSystems.newFileSystem(folder, Map.of())) {
                readCubins(jar.getPath("/" + FOLDER));
            }
        } else {
            readCubins(Path.of(folder));
        }
    }

    private void readCubins(final Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            for (final Path file : files.filter(each -> each.toString().endsWith(".cubin")).toList()) {
                names.put(digest(Files.readAllBytes(file)), file.getFileName().toString());
            }
        }
    }

    /** File name of a cubin: {@code norm.sm_80.cubin}. */
    Optional<String> nameOf(final byte[] cubin) {
        return Optional.ofNullable(names.get(digest(cubin)));
    }

    /**
     * PTX of a module for an architecture, or what comes nearest of what the build keeps for tests.
     *
     * @param architecture of the cubin: {@code sm_86}
     */
    Optional<String> ptx(final String module, final String architecture) {
        final List<String> candidates = architecture.startsWith("sm_9") ? List.of(architecture, "sm_90a", "sm_80")
                : List.of(architecture, "sm_80");
        return candidates.stream().map(each -> text(module + "." + each
                + ".ptx")).flatMap(Optional::stream).findFirst();
    }

    /** A text among the images. */
    Optional<String> text(final String name) {
        try (InputStream stream = ImageTable.class.getClassLoader().getResourceAsStream(FOLDER + name)) {
            return stream == null ? Optional.empty()
                    : Optional.of(new String(stream.readAllBytes(), StandardCharsets.UTF_8));
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String digest(final byte[] content) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
        } catch (final NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
