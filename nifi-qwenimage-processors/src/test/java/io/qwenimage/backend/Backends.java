package io.qwenimage.backend;

import io.qwenimage.backend.cpu.CpuBackend;
import io.qwenimage.backend.cpu.CpuOptions;
import io.qwenimage.backend.cpu.CpuOptions.Arithmetic;
import io.qwenimage.tensor.DType;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;

/** Every backend that can run here; tests of what all must do run once for each. */
public final class Backends {
    /** A backend's name in reports, and how to open it. */
    public record Named(String name, Supplier<Backend> opener) {
        /** Opens the backend; the caller closes it. */
        public Backend open() {
            return opener.get();
        }

        @Override
        public String toString() {
            return name;
        }
    }

    private static final long BUDGET = 2L << 30;

    private Backends() {
    }

    /** Scalar Java first: where it fails too, the model is at fault. */
    public static List<Named> all() {
        return Stream.concat(Stream.of(new Named("reference", ReferenceBackend::new)), shipped().stream()).toList();
    }

    /** Those that are shipped, which also keep books of memory and refuse what does not fit. */
    public static List<Named> shipped() {
        final Named cuda = new Named("cuda, single precision", () -> CudaBackends.open(DType.F32));
        return CudaBackends.isReal() ? List.of(cuda) : Stream.concat(cpu().stream(), Stream.of(cuda)).toList();
    }

    /** Those on the CPU, for tests that would take minutes on the machine that stands in for a GPU. */
    public static List<Named> cpu() {
        return List.of(new Named("cpu, single precision", () -> cpu(Arithmetic.SINGLE)),
                new Named("cpu, split products", () -> {
                    final CpuBackend automatic = cpu(Arithmetic.AUTOMATIC);
                    if (!automatic.splitsProducts()) {
                        automatic.close();
                        Assumptions.abort("this CPU has no matrix tiles");
                    }
                    return automatic;
                }));
    }

    private static CpuBackend cpu(final Arithmetic arithmetic) {
        return CpuBackend.open(CpuOptions.defaults().withThreads(2).withMemoryBudget(BUDGET)
                .withArithmetic(arithmetic));
    }
}
