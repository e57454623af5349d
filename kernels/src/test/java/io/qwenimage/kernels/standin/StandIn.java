package io.qwenimage.kernels.standin;

import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.Assumptions;

/**
 * The stand-in for the CUDA driver. There is one in a process, for the dynamic loader knows one {@code libcuda.so.1};
 * it must be installed before anything asks for CUDA, and is set up anew for each test.
 */
public final class StandIn implements StandInLibrary.Receiver {
    /** The driver as which it poses: that of CUDA 13.1. */
    public static final int DRIVER_VERSION = 13010;
    private static final long LONGEST_WAIT_MILLISECONDS = 100;
    /** The stand-in, or what this machine lacks for one. */
    private static final Object INSTANCE = create();

    private final Map<Long, String> names = new HashMap<>();
    private final Map<String, Call> calls = new HashMap<>();
    private final StreamCalls streams = new StreamCalls(this);
    private final ModuleCalls modules = new ModuleCalls(this);
    /** Held because JNA unloads a library that nobody holds. */
    private final NativeLibrary library;
    private final List<NativeLibrary> libraries = new ArrayList<>();
    private final KernelMachine machine = new KernelMachine();
    private Session session = new Session(List.of(PosedDevice.a100()), DRIVER_VERSION, 0);

    private StandIn() {
        calls.putAll(new DeviceCalls(this).calls());
        calls.putAll(streams.calls());
        calls.putAll(new MemoryCalls(this).calls());
        calls.putAll(modules.calls());
        calls.putAll(new LaunchCalls(this).calls());
        calls.putAll(new GraphCalls(this).calls());
        calls.putAll(new TensorMapCalls(this).calls());
        calls.putAll(new MatrixCalls(this).calls());
        calls.putAll(new ConvolutionCalls(this).calls());
        library = StandInLibrary.load(this);
    }

    /**
     * The stand-in of this process, built and loaded on first use. Where the machine lacks something for it the test is
     * aborted, and the summary says what.
     */
    public static StandIn install() {
        if (INSTANCE instanceof final StandIn standIn) {
            return standIn;
        }
        return Assumptions.abort(INSTANCE.toString());
    }

    private static Object create() {
        try {
            return new StandIn();
        } catch (final StandInLibrary.LackException e) {
            return e.getMessage();
        }
    }

    /** The same with stand-ins for cuBLASLt and cuDNN beside it. */
    public static StandIn installWithLibraries() {
        final StandIn standIn = install();
        standIn.loadLibraries();
        return standIn;
    }

    /**
     * Makes a folder look like an installation without cuDNN: what has been loaded under the names of its files stays in
     * use.
     */
    public static void writeLibrariesWithoutConvolutions(final Path folder) {
        StandInLibrary.writeMatrixLibraries(folder);
    }

    private synchronized void loadLibraries() {
        if (libraries.isEmpty()) {
            libraries.addAll(StandInLibrary.loadMatrixLibraries(this));
            libraries.addAll(StandInLibrary.loadConvolutionLibraries(this));
        }
    }

    /**
     * Sets it up anew; nothing of before is known any more.
     *
     * @param seed of the order in which streams run
     * @param devices as which it poses
     */
    public synchronized void setUp(final long seed, final PosedDevice... devices) {
        setUp(seed, DRIVER_VERSION, devices);
    }

    /** The same with another version of the driver. */
    public synchronized void setUp(final long seed, final int driverVersion, final PosedDevice... devices) {
        session.host().clear();
        session = new Session(List.of(devices), driverVersion, seed);
    }

    /** What it was asked to do. */
    public synchronized Books books() {
        return session.books();
    }

    /** Faults to be provoked. */
    public synchronized Faults faults() {
        return session.faults();
    }

    /** What callers did wrong and what the inspector found in kernels, in words. */
    public synchronized List<String> findings() {
        return session.findings();
    }

    /** Forgets the findings, which a test has read. */
    public synchronized void clearFindings() {
        session.clearFindings();
    }

    /** The kernels that have run, in order. */
    public synchronized List<KernelRun> runs() {
        return session.runs();
    }

    /** What has not been closed, in words. */
    public synchronized List<String> open() {
        return session.open();
    }

    @Override
    public synchronized int receive(final Pointer function, final Pointer arguments) {
        final String name = names.computeIfAbsent(Pointer.nativeValue(function), address -> function.getString(0));
        try {
            final Call call = calls.get(name);
            if (call == null) {
                throw new Refusal(CUresult.CUDA_ERROR_NOT_SUPPORTED, "the stand-in does not offer it");
            }
            return call.answer(new Arguments(arguments));
        } catch (final Refusal e) {
            if (e.getMessage() != null) {
                session.find(name + ": " + e.getMessage());
            }
            return e.result();
        } catch (final RuntimeException | Error e) {
            // Nothing may be thrown through the library: the fault becomes a finding, which fails the test.
            session.find(name + ": " + e + " at " + List.of(e.getStackTrace()).subList(0,
                    Math.min(6, e.getStackTrace().length)));
            return CUresult.CUDA_ERROR_UNKNOWN;
        }
    }

    Session session() {
        return session;
    }

    StreamCalls streams() {
        return streams;
    }

    ModuleCalls modules() {
        return modules;
    }

    KernelMachine machine() {
        return machine;
    }

    /** Waits while a kernel does not end: until the stand-in is set up anew or the devices are gone. */
    void waitForEver(final BooleanSupplier stuck) {
        final Session waitedIn = session;
        while (stuck.getAsBoolean() && session == waitedIn && !session.faults().areDevicesGone()) {
            try {
                wait(LONGEST_WAIT_MILLISECONDS);
            } catch (final InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new Refusal(CUresult.CUDA_ERROR_LAUNCH_TIMEOUT, null);
            }
        }
    }
}
