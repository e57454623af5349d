package io.qwenimage.realnifi;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.jar.Attributes;
import java.util.jar.JarFile;
import java.util.jar.Manifest;
import java.util.zip.Deflater;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Packs processor jars into NARs: some of NiFi's own bundles are published as jars only.
 * A NAR is a jar whose manifest names the bundle and its parent, with its libraries in META-INF/bundled-dependencies.
 */
final class NarPacker {
    private static final String GROUP = "org.apache.nifi";
    private static final String LIBRARIES = "META-INF/bundled-dependencies/";

    private NarPacker() {
    }

    /**
     * Writes a NAR named {@code id-version.nar}, unless one newer than all of its jars is there.
     *
     * @param folder where the NAR is written
     * @param id artifact id of the bundle, as flow definitions name it
     * @param parent artifact id of the NAR whose classes this one sees
     * @param version version of both
     * @param jars the libraries inside
     * @return the NAR's path
     */
    static Path pack(final Path folder, final String id, final String parent, final String version,
            final List<Path> jars) throws IOException {
        final Path nar = folder.resolve(id + "-" + version + ".nar");
        if (isNewer(nar, jars)) {
            return nar;
        }
        Files.createDirectories(folder);
        final Path unfinished = folder.resolve(nar.getFileName() + ".unfinished");
        try (OutputStream file = Files.newOutputStream(unfinished);
             ZipOutputStream archive = new ZipOutputStream(file)) {
            // The jars inside are compressed already.
            archive.setLevel(Deflater.NO_COMPRESSION);
            // NiFi unpacks entry by entry and makes no folder that has no entry of its own.
            archive.putNextEntry(new ZipEntry("META-INF/"));
            archive.putNextEntry(new ZipEntry(JarFile.MANIFEST_NAME));
            manifest(id, parent, version).write(archive);
            archive.putNextEntry(new ZipEntry(LIBRARIES));
            for (final Path jar : jars) {
                archive.putNextEntry(new ZipEntry(LIBRARIES + jar.getFileName()));
                Files.copy(jar, archive);
                archive.closeEntry();
            }
        }
        return Files.move(unfinished, nar, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
    }

    /** The jars of a folder whose names match a glob, in the order of their names. */
    static List<Path> jars(final Path folder, final String glob) throws IOException {
        final List<Path> jars = new ArrayList<>();
        try (DirectoryStream<Path> found = Files.newDirectoryStream(folder, glob)) {
            found.forEach(jars::add);
        }
        jars.sort(null);
        return jars;
    }

    private static boolean isNewer(final Path nar, final List<Path> jars) throws IOException {
        if (!Files.exists(nar)) {
            return false;
        }
        for (final Path jar : jars) {
            if (Files.getLastModifiedTime(jar).compareTo(Files.getLastModifiedTime(nar)) > 0) {
                return false;
            }
        }
        return true;
    }

    private static Manifest manifest(final String id, final String parent, final String version) {
        final Manifest manifest = new Manifest();
        final Attributes attributes = manifest.getMainAttributes();
        attributes.put(Attributes.Name.MANIFEST_VERSION, "1.0");
        attributes.putValue("Nar-Group", GROUP);
        attributes.putValue("Nar-Id", id);
        attributes.putValue("Nar-Version", version);
        attributes.putValue("Nar-Dependency-Group", GROUP);
        attributes.putValue("Nar-Dependency-Id", parent);
        attributes.putValue("Nar-Dependency-Version", version);
        return manifest;
    }
}
