package io.qwenimage.cli;

import java.io.File;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.reflect.InvocationTargetException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Where {@code java -jar qwenimage.jar} begins. The engine needs Java {@value JavaHomes#REQUIRED}, but the first
 * {@code java} on the path is often older: this class and those it uses are compiled for an older one, find a newer one
 * on this machine and run the command there, with the same arguments, streams and exit status. The same is done where
 * the locale makes Java distort the arguments.
 */
public final class Main {
    private static final String COMMAND_LINE = "io.qwenimage.cli.CommandLineInterface";
    /** Set in the second process, so that there is never a third. */
    private static final String RELAUNCHED = "qwenimage.relaunched";
    private static final int FAILURE = 1;

    private Main() {
    }

    /** Runs a command; see {@code --help}. */
    public static void main(final String[] arguments) throws Exception {
        final boolean relaunched = Boolean.getBoolean(RELAUNCHED);
        final boolean current = Runtime.version().feature() >= JavaHomes.REQUIRED;
        final String[] typed = Arguments.typed(arguments);
        if (current && (relaunched || Arrays.equals(arguments, typed))) {
            runHere(typed);
            return;
        }
        final Optional<File> java = current ? Optional.of(JavaHomes.executable(new File(
                System.getProperty("java.home"))))
                : relaunched ? Optional.empty() : JavaHomes.find(System.getenv(), JavaHomes.usualFolders());
        if (java.isEmpty()) {
            System.err.println("qwenimage: this is Java " + Runtime.version().feature() + " and no newer one was found; "
                    + "install a JDK or JRE of version " + JavaHomes.REQUIRED + " or later (for instance Temurin from "
                    + "adoptium.net), or let JAVA_HOME or " + JavaHomes.OWN_VARIABLE + " name its folder");
            System.exit(FAILURE);
        }
        System.exit(runThere(java.get(), arguments, typed));
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

    private static int runThere(final File java, final String[] arguments, final String[] typed)
            throws IOException, InterruptedException {
        final boolean distorted = !Arrays.equals(arguments, typed);
        final List<String> command = new ArrayList<>();
        command.add(java.getPath());
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
        command.add("--enable-native-access=ALL-UNNAMED");
        command.add("-D" + RELAUNCHED + "=true");
        if (distorted) {
            command.add("-D" + Arguments.PROPERTY + "=" + Arguments.encode(typed));
        }
        command.add("-cp");
        command.add(System.getProperty("java.class.path"));
        command.add(Main.class.getName());
        if (!distorted) {
            command.addAll(Arrays.asList(typed));
        }
        final ProcessBuilder builder = new ProcessBuilder(command).inheritIO();
        if (distorted) {
            // File names pass through the locale as well.
            builder.environment().put("LC_ALL", "C.UTF-8");
        }
        final Process process = builder.start();
        // Whoever ends this process means the one that works.
        Runtime.getRuntime().addShutdownHook(new Thread(process::destroy));
        return process.waitFor();
    }
}
