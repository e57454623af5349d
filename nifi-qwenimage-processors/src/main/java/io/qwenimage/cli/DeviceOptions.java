package io.qwenimage.cli;

import io.qwenimage.backend.Backend;
import io.qwenimage.backend.cpu.CpuBackend;
import io.qwenimage.backend.cpu.CpuOptions;
import io.qwenimage.backend.cuda.CudaBackend;
import io.qwenimage.backend.cuda.CudaOptions;
import io.qwenimage.tensor.DType;
import java.io.File;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** The options that say where a command computes. */
final class DeviceOptions {
    /** What a jar with stand-ins for CUDA's libraries holds, as {@code Runnable} that installs them. */
    private static final String STAND_IN = "io.qwenimage.kernels.standin.Installation";

    @Option(names = "--device", paramLabel = "cpu|cuda", defaultValue = "cpu", description = "default ${DEFAULT-VALUE}")
    private String device = "cpu";
    @Option(names = "--device-number", paramLabel = "N", defaultValue = "0",
            description = "which of several GPUs; default ${DEFAULT-VALUE}")
    private int number;
    @Option(names = "--precision", paramLabel = "bf16|f32", defaultValue = "bf16",
            description = "of activations with --device cuda; default ${DEFAULT-VALUE}")
    private String precision = "bf16";
    @Option(names = "--memory-budget", paramLabel = "SIZE",
            description = "how much of the device's memory weights and computations take at most, such as 20GB or "
                    + "800MB; with --device cuda, blocks of a denoiser that do not fit are streamed from the host's "
                    + "memory, other models must fit; default is most of what a GPU has free, or of what the machine "
                    + "has")
    private String memoryBudget;
    @Option(names = "--cuda-libraries", paramLabel = "DIR",
            description = "folder of libcublasLt.so.13 and libcudart.so.13, and of libcudnn.so.9 if it is to be used, "
                    + "where the system does not find them")
    private Path libraries;
    @Option(names = "--stand-in", paramLabel = "JAR",
            description = "with --device cuda: kernels run on an interpreter of their PTX, for checks without a GPU, "
                    + "slowly; after a build it is kernels/target/qwenimage-kernels-tests.jar")
    private Path standIn;

    /** The device's name, for messages. */
    String device() {
        return device;
    }

    /**
     * Opens the device.
     *
     * @throws CommandException if there is none of that name, or it cannot be opened
     */
    Backend open() {
        return switch (device) {
            case "cpu" -> CpuBackend.open(cpu());
            case "cuda" -> cuda();
            default -> throw new CommandException("--device is " + device + "; accepted are cpu and cuda");
        };
    }

    private CpuOptions cpu() {
        final CpuOptions defaults = CpuOptions.defaults();
        return memoryBudget == null ? defaults
                : defaults.withMemoryBudget(MemorySize.parse("--memory-budget", memoryBudget));
    }

    private Backend cuda() {
        final DType type = switch (precision) {
            case "bf16" -> DType.BF16;
            case "f32" -> DType.F32;
            default -> throw new CommandException("--precision is " + precision + "; accepted are bf16 and f32");
        };
        if (standIn != null) {
            install();
        }
        try {
            return CudaBackend.open(CudaOptions.defaults().withOrdinal(number).withActivationType(type)
                    .withLibraryFolder(libraries)
                    .withMemoryBudget(memoryBudget == null ? 0 : MemorySize.parse("--memory-budget", memoryBudget)));
        } catch (final IllegalStateException | IllegalArgumentException e) {
            throw new CommandException("--device is cuda, but " + e.getMessage() + "; or use --device cpu");
        }
    }

    private void install() {
        if (!Files.isReadable(standIn)) {
            throw new CommandException("--stand-in names " + standIn + ", which cannot be read; build the module "
                    + "kernels, which makes kernels/target/qwenimage-kernels-tests.jar");
        }
        try {
            // Stays open: the stand-ins answer as long as the process lives.
            final URLClassLoader loader = new URLClassLoader(new URL[] {new File(standIn.toString()).toURI().toURL()},
                    DeviceOptions.class.getClassLoader());
            ((Runnable) loader.loadClass(STAND_IN).getConstructor().newInstance()).run();
        } catch (final IOException | ReflectiveOperationException e) {
            throw new CommandException("--stand-in names " + standIn + ", which holds no stand-ins: " + e);
        }
    }
}
