package io.qwenimage.ptx.cases;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.lang.reflect.InvocationTargetException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;

/**
 * Where {@code java -jar ptx-machine.jar} begins. The machine needs Java {@value #REQUIRED}, but the first {@code java}
 * on the path is often older: this class is compiled for an older one, finds a newer one on this machine and runs the
 * command there, with the same arguments, streams and exit status.
 */
public final class PtxMachineLauncher {
    static final int REQUIRED = 21;
    private static final String COMMAND_LINE = "io.qwenimage.ptx.cases.PtxMachineMain";
    private static final int FAILURE = 1;
    private static final List<String> VARIABLES = List.of("JAVA_HOME", "JDK_HOME");
    /** Below an installation's folder: where its home is, on Linux and in macOS bundles. */
    private static final List<String> HOMES = List.of("", "Contents/Home");

    private PtxMachineLauncher() {
    }

    /** Runs case folders; see {@code --help}. */
    public static void main(final String[] arguments) throws Exception {
        final int here = Runtime.version().feature();
        if (here >= REQUIRED) {
            runHere(arguments);
            return;
        }
        final Optional<File> java = find(System.getenv(), usualFolders());
        if (java.isEmpty()) {
            System.err.println("ptx-machine: this is Java " + here + ", Java " + REQUIRED
                + " or later is needed and none was found; install one, or let JAVA_HOME name its folder");
            System.exit(FAILURE);
        }
        System.exit(runThere(java.get(), arguments));
    }

    /**
     * The {@code java} of the first environment variable that names a Java new enough, else the newest of those in the
     * folders.
     *
     * @param folders hold installations, one a sub-folder
     */
    static Optional<File> find(final Map<String, String> environment, final List<File> folders) {
        for (final String variable : VARIABLES) {
            final String home = environment.get(variable);
            if (home != null && version(new File(home)) >= REQUIRED) {
                return Optional.of(executable(new File(home)));
            }
        }
        File newest = null;
        for (final File folder : folders) {
            final File[] installations = folder.listFiles(File::isDirectory);
            if (installations != null) {
                Arrays.sort(installations);
                for (final File installation : installations) {
                    newest = newer(newest, installation);
                }
            }
        }
        return Optional.ofNullable(newest).map(PtxMachineLauncher::executable);
    }

    private static File newer(final File known, final File installation) {
        File newest = known;
        for (final String home : HOMES) {
            final File candidate = home.isEmpty() ? installation : new File(installation, home);
            if (version(candidate) >= REQUIRED && (newest == null || version(candidate) > version(newest))) {
                newest = candidate;
            }
        }
        return newest;
    }

    private static List<File> usualFolders() {
        final String user = System.getProperty("user.home");
        final List<File> folders = new ArrayList<>();
        for (final String folder : List.of("/usr/lib/jvm", "/usr/lib64/jvm", "/usr/java", "/opt/java", "/opt",
                "/usr/local", user + "/.sdkman/candidates/java", user + "/.jdks",
                "/Library/Java/JavaVirtualMachines")) {
            folders.add(new File(folder));
        }
        return folders;
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

    private static File executable(final File home) {
        final File java = new File(home, "bin/java");
        return java.exists() ? java : new File(home, "bin/java.exe");
    }

    /** By name, because the class is compiled for a newer Java than this one. */
    private static void runHere(final String[] arguments) throws Exception {
        try {
            Class.forName(COMMAND_LINE).getMethod("main", String[].class).invoke(null, (Object) arguments);
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof Error) {
                throw (Error) e.getCause();
            }
            throw (Exception) e.getCause();
        }
    }

    private static int runThere(final File java, final String[] arguments) throws IOException, InterruptedException {
        final List<String> command = new ArrayList<>();
        command.add(java.getPath());
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), COMMAND_LINE));
        command.addAll(Arrays.asList(arguments));
        final Process process = new ProcessBuilder(command).inheritIO().start();
        // Whoever ends this process means the one that works.
        Runtime.getRuntime().addShutdownHook(new Thread(process::destroy));
        return process.waitFor();
    }
}
