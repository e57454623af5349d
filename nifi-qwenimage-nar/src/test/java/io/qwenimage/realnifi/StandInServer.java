package io.qwenimage.realnifi;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.File;
import java.io.IOException;
import java.lang.reflect.Method;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Puts the stand-ins for NVIDIA's libraries into the process of a NiFi before NiFi starts, and takes orders for them
 * over the loopback. Their classes, and those that they need, are invisible to NiFi and its NARs: what is tested is
 * what the NAR brings along.
 */
final class StandInServer {
    /** Jars of the stand-ins; without this property there are none. */
    static final String CLASS_PATH = "qwenimage.stand-in.class-path";
    /** Where orders are taken. */
    static final String PORT = "qwenimage.stand-in.port";
    private static final String PACKAGE = "io.qwenimage.kernels.standin.";
    private static final int OK = 200;
    private static final int FAILED = 500;

    private final Object standIn;

    private StandInServer(final Object standIn) {
        this.standIn = standIn;
    }

    /** Does nothing in a process that is to have no stand-ins. */
    static void startIfWanted() throws ReflectiveOperationException, IOException {
        final String classPath = System.getProperty(CLASS_PATH);
        if (classPath == null) {
            return;
        }
        // Stays open: the stand-ins answer as long as the process lives.
        final URLClassLoader loader = new URLClassLoader(urls(classPath), ClassLoader.getPlatformClassLoader());
        ((Runnable) loader.loadClass(PACKAGE + "Installation").getConstructor().newInstance()).run();
        final StandInServer served =
                new StandInServer(loader.loadClass(PACKAGE + "StandIn").getMethod("install").invoke(null));
        final HttpServer server = HttpServer.create(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.getInteger(PORT)), 0);
        server.createContext("/", served::answer);
        server.start();
    }

    private static URL[] urls(final String classPath) throws MalformedURLException {
        final List<URL> urls = new ArrayList<>();
        for (final String jar : classPath.split(File.pathSeparator)) {
            urls.add(new File(jar).toURI().toURL());
        }
        return urls.toArray(URL[]::new);
    }

    /** {@code /findings} and {@code /open} are asked of the stand-in, {@code /faults/NAME/NUMBER...} is provoked. */
    private void answer(final HttpExchange exchange) throws IOException {
        String text;
        int status = OK;
        try {
            final String[] path = exchange.getRequestURI().getPath().substring(1).split("/");
            text = path[0].equals("faults")
                    ? provoke(path[1], Arrays.stream(path).skip(2).map(Long::valueOf).toList())
                    : ((List<?>) standIn.getClass().getMethod(path[0]).invoke(standIn)).stream().map(String::valueOf)
                            .collect(Collectors.joining("\n"));
        } catch (final ReflectiveOperationException | RuntimeException e) {
            text = e.toString();
            status = FAILED;
        }
        final byte[] body = text.getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }

    private String provoke(final String name, final List<Long> values) throws ReflectiveOperationException {
        final Object faults = standIn.getClass().getMethod("faults").invoke(standIn);
        for (final Method method : faults.getClass().getMethods()) {
            if (method.getName().equals(name) && method.getParameterCount() == values.size()) {
                final Object[] arguments = new Object[values.size()];
                for (int index = 0; index < arguments.length; index++) {
                    final Long value = values.get(index);
                    arguments[index] = method.getParameterTypes()[index] == int.class
                            ? (Object) value.intValue() : value;
                }
                method.invoke(faults, arguments);
                return name;
            }
        }
        throw new NoSuchMethodException(name + " with " + values.size() + " numbers");
    }
}
