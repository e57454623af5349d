package io.qwenimage.backend;

import io.qwenimage.Tensors;
import io.qwenimage.backend.cpu.CpuBackend;
import io.qwenimage.backend.cpu.CpuOptions;
import io.qwenimage.backend.cpu.CpuOptions.Arithmetic;
import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.HostTensor;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;

/** Every backend that can run here; tests of what all must do run once for each. */
public final class Backends {
    /**
     * A backend's name in reports, and how to open it.
     *
     * @param rounding what its activations' type alone may cost, relative to a tensor's largest magnitude
     */
    public record Named(String name, Supplier<Backend> opener, double rounding) {
        private static final double PSNR = 35;
        /** Logits are one more product away from the hidden states, over a vocabulary. */
        private static final double LOGITS = 1.5;

        Named(final String name, final Supplier<Backend> opener) {
            this(name, opener, 0);
        }

        /** How near a tensor must come that single precision brings within the tolerance. */
        public double tolerance(final double single) {
            return Math.max(single, rounding);
        }

        /** Fails unless a tensor comes as near to the expected one as this precision allows. */
        public void assertClose(final String tensor, final HostTensor expected, final HostTensor actual,
                final double single) {
            if (rounding == 0) {
                Tensors.assertClose(tensor, expected, actual, single);
            } else {
                Tensors.assertCloseInNorm(tensor, expected, actual,
                        tensor.equals("logits") ? LOGITS * tolerance(single) : tolerance(single));
            }
        }

        /** The same for a picture's samples from -1 to 1, which fewer digits are held to in decibels. */
        public void assertPicture(final String tensor, final HostTensor expected, final HostTensor actual,
                final double single) {
            if (rounding == 0) {
                Tensors.assertClose(tensor, expected, actual, single);
            } else {
                Tensors.assertPicture(tensor, expected, actual, PSNR);
            }
        }

        /** How near a picture must come, in decibels. */
        public double psnr(final double single) {
            return rounding == 0 ? single : Math.min(single, PSNR);
        }

        /** How far a sample of 255 may be off. */
        public double maximumDifference(final double single) {
            return rounding == 0 ? single : 255;
        }

        /** Opens the backend; the caller closes it. */
        public Backend open() {
            return opener.get();
        }

        @Override
        public String toString() {
            return name;
        }
    }

    /** Names what computes goldens' cases, those from elsewhere above all: {@code cpu}, {@code cuda-f32}, {@code cuda-bf16}. */
    private static final String CHOICE = "qwenimage.backend";
    private static final double BRAIN_FLOAT = 2e-2;
    private static final long BUDGET = 2L << 30;

    private Backends() {
    }

    /** Scalar Java first: where it fails too, the model is at fault. */
    public static List<Named> all() {
        return Stream.concat(Stream.of(new Named("reference", ReferenceBackend::new)), shipped().stream()).toList();
    }

    /** All, and CUDA once more in the precision that it computes in unless told otherwise. */
    public static List<Named> everyPrecision() {
        return Stream.concat(all().stream(), Stream.of(cudaInBrainFloat())).toList();
    }

    /** CUDA in both precisions. */
    public static List<Named> cuda() {
        return List.of(cudaInSingle(), cudaInBrainFloat());
    }

    /** What the property chooses for goldens' cases, if it does. */
    public static Optional<Named> chosen() {
        final String choice = System.getProperty(CHOICE, "");
        return switch (choice) {
            case "" -> Optional.empty();
            case "cpu" -> Optional.of(automatic());
            case "cuda-f32" -> Optional.of(cudaInSingle());
            case "cuda-bf16" -> Optional.of(cudaInBrainFloat());
            default -> throw new IllegalArgumentException("-D" + CHOICE + " is " + choice
                    + "; accepted are cpu, cuda-f32 and cuda-bf16");
        };
    }

    /** The CPU as it is used: whatever arithmetic suits it. */
    public static Named automatic() {
        return new Named("cpu", () -> CpuBackend.open(CpuOptions.defaults()));
    }

    private static Named cudaInSingle() {
        return new Named("cuda, single precision", () -> CudaBackends.open(DType.F32));
    }

    private static Named cudaInBrainFloat() {
        return new Named("cuda, BF16", () -> CudaBackends.open(DType.BF16), BRAIN_FLOAT);
    }

    /** Those that are shipped, which also keep books of memory and refuse what does not fit. */
    public static List<Named> shipped() {
        final Named cuda = cudaInSingle();
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
