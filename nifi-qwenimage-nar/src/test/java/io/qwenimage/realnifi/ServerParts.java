package io.qwenimage.realnifi;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * What a NiFi server is made of, as the build gathered it; shared by all instances and never written to by them.
 *
 * @param library the server's class path and its own NARs
 * @param standardNars NARs of the standard processors
 */
record ServerParts(Path library, Path standardNars) {
    private static final String SHARED_NAR = "nifi-standard-shared-nar";
    private static final String STANDARD_NAR = "nifi-standard-nar";

    /**
     * Completes the parts in a build folder: the standard processors are packed into NARs if that has not been done
     * yet.
     *
     * @param folder the build folder of the module real-nifi, with {@code lib} and {@code standard}
     */
    static ServerParts of(final Path folder) throws IOException {
        final Path library = folder.resolve("lib");
        final Path standard = folder.resolve("standard");
        if (!Files.isDirectory(library) || !Files.isDirectory(standard)) {
            throw new IllegalStateException("The parts of NiFi are not in " + folder.toAbsolutePath()
                    + ": run the Maven build up to the phase package first");
        }
        final Path nars = folder.resolve("standard-nars");
        final String version = version(library);
        final List<Path> updateAttribute = NarPacker.jars(standard, "nifi-update-attribute-*.jar");
        final List<Path> processors = new ArrayList<>(NarPacker.jars(standard, "*.jar"));
        processors.removeAll(updateAttribute);
        NarPacker.pack(nars, STANDARD_NAR, SHARED_NAR, version, processors);
        NarPacker.pack(nars, "nifi-update-attribute-nar", STANDARD_NAR, version, updateAttribute);
        return new ServerParts(library.toRealPath(), nars.toRealPath());
    }

    private static String version(final Path library) throws IOException {
        final List<Path> runtime = NarPacker.jars(library, "nifi-runtime-*.jar");
        if (runtime.size() != 1) {
            throw new IllegalStateException("Expected one nifi-runtime jar in " + library + " but found " + runtime
                    + ": delete the folder and build again");
        }
        return runtime.getFirst().getFileName().toString().replaceAll("nifi-runtime-(.*)\\.jar", "$1");
    }
}
