package io.qwenimage.cli;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;

/** Finds a Java on this machine that is new enough. Compiled for an older Java, as {@link Main} is. */
final class JavaHomes {
    /** The oldest Java that the engine runs on. */
    static final int REQUIRED = 21;
    /** Environment variable that names a Java for this program alone. */
    static final String OWN_VARIABLE = "QWENIMAGE_JAVA_HOME";

    /** Below an installation's folder: where its home is, on Linux and Windows, and in macOS bundles. */
    private static final List<String> HOMES = List.of("", "Contents/Home", "libexec/openjdk.jdk/Contents/Home");

    private JavaHomes() {
    }

    /**
     * The {@code java} of the first environment variable that names a Java new enough, else the newest of those in the
     * folders.
     *
     * @param folders hold installations, one a sub-folder
     */
    static Optional<File> find(final Map<String, String> environment, final List<File> folders) {
        for (final String variable : List.of(OWN_VARIABLE, "JAVA_HOME", "JDK_HOME")) {
            final String home = environment.get(variable);
            if (home != null && version(new File(home)) >= REQUIRED) {
                return Optional.of(executable(new File(home)));
            }
        }
        File newest = null;
        for (final File folder : folders) {
            for (final File home : homes(folder)) {
                if (version(home) >= REQUIRED && (newest == null || version(home) > version(newest))) {
                    newest = home;
                }
            }
        }
        return Optional.ofNullable(newest).map(JavaHomes::executable);
    }

    /** Where installers put Java on Linux, macOS and Windows. */
    static List<File> usualFolders() {
        final String user = System.getProperty("user.home");
        final List<File> folders = new ArrayList<>();
        for (final String folder : List.of("/usr/lib/jvm", "/usr/lib64/jvm", "/usr/java", "/opt/java", "/opt/jdk",
                "/opt", "/usr/local/lib/jvm", "/usr/local", user + "/.sdkman/candidates/java", user + "/.jdks",
                user + "/.local/share/mise/installs/java", user + "/.asdf/installs/java",
                "/Library/Java/JavaVirtualMachines", user + "/Library/Java/JavaVirtualMachines", "/opt/homebrew/opt",
                "/usr/local/opt")) {
            folders.add(new File(folder));
        }
        final String programs = System.getenv("ProgramFiles");
        if (programs != null) {
            for (final String vendor : List.of("Java", "Eclipse Adoptium", "Microsoft", "Zulu", "Amazon Corretto",
                    "BellSoft")) {
                folders.add(new File(programs, vendor));
            }
        }
        return folders;
    }

    private static List<File> homes(final File folder) {
        final File[] entries = folder.listFiles(File::isDirectory);
        if (entries == null) {
            return List.of();
        }
        Arrays.sort(entries);
        final List<File> homes = new ArrayList<>();
        for (final File entry : entries) {
            for (final String home : HOMES) {
                homes.add(home.isEmpty() ? entry : new File(entry, home));
            }
        }
        return homes;
    }

    /** The feature version in the file "release" that every Java has, or 0 if there is no Java. */
    private static int version(final File home) {
        final Path release = home.toPath().resolve("release");
        if (!Files.isRegularFile(release) || !executable(home).canExecute()) {
            return 0;
        }
        final Properties properties = new Properties();
        try (InputStream in = Files.newInputStream(release)) {
            properties.load(in);
            return Runtime.Version.parse(properties.getProperty("JAVA_VERSION", "").replace("\"", "")).feature();
        } catch (IOException | IllegalArgumentException e) {
            // Unreadable, or a version of before Java 9: not what is looked for.
            return 0;
        }
    }

    /** The program "java" of an installation. */
    static File executable(final File home) {
        final File java = new File(home, "bin/java");
        return java.exists() ? java : new File(home, "bin/java.exe");
    }
}
