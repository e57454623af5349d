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
     * @param activations their type, from which every tolerance follows
     * @param slow        whether it computes in scalar Java, or its kernels run on an interpreter of PTX: sizes that
     *                    tell no more than smaller ones are too large for it
     */
    public record Named(String name, Supplier<Backend> opener, DType activations, boolean slow) {
        private static final double BRAIN_FLOAT = 2e-2;
        private static final double PSNR = 35;
        /** Logits are one more product away from the hidden states, over a vocabulary. */
        private static final double LOGITS = 1.5;
        private static final int FEWER = 10;
        private static final int FEW = 13;

        Named(final String name, final Supplier<Backend> opener) {
            this(name, opener, DType.F32, false);
        }

        /** What the activations' type alone may cost, relative to a tensor's largest magnitude. */
        public double rounding() {
            return activations == DType.F32 ? 0 : BRAIN_FLOAT;
        }

        /** Random arguments of an operation, in numbers that activations hold exactly. */
        Samples samples(final long seed) {
            return new Samples(seed, activations);
        }

        /** What an activation keeps of a number. */
        float held(final float value) {
            return Samples.held(activations, value);
        }

        /**
         * Holds an operation's result to its float64 reference: each element may be off by twice the error of the plain
         * computation, by a bound, and by what storing it as an activation takes away.
         *
         * @param expected in float64
         * @param plain    by plain loops in float32 whose intermediate results, where the operation stores any, are
         *                 held as activations
         * @param epsilon  what is allowed beyond, for each element
         */
        void assertClose(final double[] expected, final float[] plain, final HostTensor actual, final double epsilon) {
            Samples.assertClose(expected, plain, actual, epsilon, activations);
        }

        /** What storing intermediate results up to this magnitude as activations may cost. */
        double stored(final double largest) {
            return activations == DType.F32 ? 0 : largest * Samples.BRAIN_FLOAT_HALF;
        }

        /** Rows of an argument, or what else there may be less of: all, or so few that a slow backend is done soon. */
        int few(final int all) {
            return slow ? Math.max(Math.min(all, FEW), all / FEWER) : all;
        }

        /** How near a tensor must come that single precision brings within the tolerance. */
        public double tolerance(final double single) {
            return Math.max(single, rounding());
        }

        /** Fails unless a tensor comes as near to the expected one as this precision allows. */
        public void assertClose(final String tensor, final HostTensor expected, final HostTensor actual,
                final double single) {
            if (activations == DType.F32) {
                Tensors.assertClose(tensor, expected, actual, single);
            } else {
                Tensors.assertCloseInNorm(tensor, expected, actual,
                        tensor.equals("logits") ? LOGITS * tolerance(single) : tolerance(single));
            }
        }

        /** The same for a picture's samples from -1 to 1, which fewer digits are held to in decibels. */
        public void assertPicture(final String tensor, final HostTensor expected, final HostTensor actual,
                final double single) {
            if (activations == DType.F32) {
                Tensors.assertClose(tensor, expected, actual, single);
            } else {
                Tensors.assertPicture(tensor, expected, actual, PSNR);
            }
        }

        /** How near a picture must come, in decibels. */
        public double psnr(final double single) {
            return activations == DType.F32 ? single : Math.min(single, PSNR);
        }

        /** How far a sample of 255 may be off. */
        public double maximumDifference(final double single) {
            return activations == DType.F32 ? single : 255;
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

    /** Names what computes goldens' cases, those from elsewhere above all: cpu, cuda-f32, cuda-bf16. */
    private static final String CHOICE = "qwenimage.backend";
    private static final long BUDGET = 2L << 30;

    private Backends() {
    }

    /** Scalar Java first: where it fails too, the model is at fault. */
    public static List<Named> all() {
        return Stream.concat(Stream.of(new Named("reference", ReferenceBackend::new, DType.F32, true)),
                shipped().stream()).toList();
    }

    /** CUDA in both precisions. */
    public static List<Named> cuda() {
        return List.of(cudaInSingle(), cudaInBrainFloat());
    }

    /**
     * CUDA in both precisions as on a machine without cuDNN, where convolutions go by unfolded windows; none on the
     * machine's GPU, which has cuDNN or has it not.
     */
    public static List<Named> cudaWithoutCudnn() {
        return CudaBackends.isReal() ? List.of() : Stream.of(DType.F32, DType.BF16).map(type -> new Named(
                "cuda without cuDNN, " + type, () -> CudaBackends.openWithoutCudnn(type), type, true)).toList();
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
        return cuda("cuda, single precision", DType.F32);
    }

    private static Named cudaInBrainFloat() {
        return cuda("cuda, BF16", DType.BF16);
    }

    private static Named cuda(final String name, final DType activations) {
        return new Named(name, () -> CudaBackends.open(activations), activations, !CudaBackends.isReal());
    }

    /** Those that are shipped, in each precision, which also keep books of memory and refuse what does not fit. */
    public static List<Named> shipped() {
        return CudaBackends.isAlone() ? cuda() : Stream.concat(cpu().stream(), cuda().stream()).toList();
    }

    /** Those on the CPU, for tests that would take minutes on the machine that stands in for a GPU. */
    public static List<Named> cpu() {
        if (CudaBackends.isAlone()) {
            return List.of();
        }
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
