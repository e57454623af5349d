package io.qwenimage.backend;

import io.qwenimage.backend.cuda.CudaBackend;
import io.qwenimage.backend.cuda.CudaOptions;
import io.qwenimage.kernels.standin.PosedDevice;
import io.qwenimage.kernels.standin.StandIn;
import io.qwenimage.tensor.DType;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/**
 * CUDA backends for tests: over the stand-ins for the driver, cuBLASLt and cuDNN, or with
 * {@code -Dqwenimage.gpu=real} on the machine's GPU. Closing one fails for whatever the stand-ins were asked wrongly,
 * for what the inspector found in kernels and for what was left open.
 */
public final class CudaBackends {
    private static final long BUDGET = 2L << 30;
    private static final long SEED = 41;
    private static final AtomicInteger OPEN = new AtomicInteger();

    private CudaBackends() {
    }

    /** Whether tests run on the machine's GPU. */
    public static boolean isReal() {
        return "real".equals(System.getProperty("qwenimage.gpu"));
    }

    /**
     * Whether nothing but CUDA is tested, as where there is no oneDNN: with {@code -Dqwenimage.gpu=real}, or
     * {@code stand-in} to rehearse that.
     */
    public static boolean isAlone() {
        return System.getProperty("qwenimage.gpu") != null;
    }

    /** A backend on a device that poses as an A100, or the machine's GPU. */
    public static Backend open(final DType activationType) {
        return open(activationType, PosedDevice.a100());
    }

    /** The same as on a machine without cuDNN; the machine's GPU computes with it if it is there. */
    public static Backend openWithoutCudnn(final DType activationType) {
        if (isReal()) {
            return open(activationType);
        }
        // Before any others of their names.
        StandIn.installWithLibraries();
        try {
            final Path folder = Files.createTempDirectory("without-cudnn-");
            try {
                StandIn.writeLibrariesWithoutConvolutions(folder);
                return open(activationType, PosedDevice.a100(), BUDGET, folder);
            } finally {
                try (Stream<Path> files = Files.list(folder)) {
                    files.map(Path::toFile).forEach(File::delete);
                }
                Files.delete(folder);
            }
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A backend on a device that poses as an H100, or on the machine's GPU with as much of its memory as is free. */
    public static Backend openWhole(final DType activationType) {
        return open(activationType, PosedDevice.h100(), 0, libraries());
    }

    /** The number of the machine's GPU that tests run on. */
    public static int ordinal() {
        return Integer.getInteger("qwenimage.gpu.ordinal", 0);
    }

    /** The same on a device that poses as the given one. */
    public static Backend open(final DType activationType, final PosedDevice device) {
        return open(activationType, device, BUDGET);
    }

    /** The same with a memory budget, in bytes. */
    public static Backend open(final DType activationType, final PosedDevice device, final long budget) {
        return open(activationType, device, budget, libraries());
    }

    private static Path libraries() {
        final String folder = System.getProperty("qwenimage.cuda.libraries");
        return folder == null ? null : Path.of(folder);
    }

    private static Backend open(final DType activationType, final PosedDevice device, final long budget,
            final Path libraries) {
        final CudaOptions options = CudaOptions.defaults().withOrdinal(ordinal()).withActivationType(activationType)
                .withMemoryBudget(budget).withLibraryFolder(libraries);
        if (isReal()) {
            return CudaBackend.open(options);
        }
        final StandIn standIn = StandIn.installWithLibraries();
        if (OPEN.get() == 0) {
            // Where one is open already, the other joins it on its device.
            standIn.setUp(SEED, device);
        }
        final Backend backend = judged(CudaBackend.open(options), standIn);
        OPEN.incrementAndGet();
        return backend;
    }

    private static Backend judged(final Backend backend, final StandIn standIn) {
        final AtomicBoolean open = new AtomicBoolean(true);
        return (Backend) Proxy.newProxyInstance(CudaBackends.class.getClassLoader(), new Class<?>[] {Backend.class},
                (proxy, method, arguments) -> {
                    try {
                        return method.invoke(backend, arguments);
                    } catch (final InvocationTargetException e) {
                        throw e.getCause();
                    } finally {
                        if (method.getName().equals("close") && open.getAndSet(false)) {
                            judge(standIn, OPEN.decrementAndGet() == 0);
                        }
                    }
                });
    }

    private static void judge(final StandIn standIn, final boolean last) {
        final List<String> faults = new ArrayList<>(standIn.findings());
        if (last) {
            standIn.open().forEach(open -> faults.add("left open: " + open));
        }
        if (!faults.isEmpty()) {
            standIn.clearFindings();
            throw new AssertionError(String.join("\n", faults));
        }
    }
}
