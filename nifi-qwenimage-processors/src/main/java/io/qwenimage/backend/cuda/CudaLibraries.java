package io.qwenimage.backend.cuda;

import com.sun.jna.NativeLibrary;
import java.io.IOException;
import java.lang.ref.Reference;
import java.net.URISyntaxException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.bytedeco.cuda.global.cublas;
import org.bytedeco.cuda.global.cudnn;
import org.bytedeco.javacpp.Loader;

/**
 * Finds NVIDIA's libraries and loads the bindings to them. The driver's own library comes with the driver; cuBLASLt and
 * what it needs come from a folder that is named, or else from the NAR that carries them, the system, or a toolkit. So
 * does cuDNN, which may be missing.
 */
final class CudaLibraries {
    private static final String PHYSICAL_LIMIT_PROPERTY = "org.bytedeco.javacpp.maxPhysicalBytes";
    private static final String RUNTIME_PACKAGES =
            "the package cuda-cudart-13-1 of NVIDIA's repository for the system, or the wheel nvidia-cuda-runtime";
    private static final String CUBLAS_PACKAGES =
            "the package libcublas-13-1 of NVIDIA's repository for the system, or the wheel nvidia-cublas";

    private static final String CUDNN_PACKAGES =
            "the package libcudnn9-cuda-13 of NVIDIA's repository for the system, or the wheel nvidia-cudnn-cu13";

    /** In the order of loading: each needs the ones before it. */
    private static final List<Wanted> WANTED = List.of(
            new Wanted("libcudart.so.13", RUNTIME_PACKAGES),
            new Wanted("libcublasLt.so.13", CUBLAS_PACKAGES),
            new Wanted("libcublas.so.13", CUBLAS_PACKAGES));

    /** The parts of cuDNN that the bindings are linked to, after the library that stands for all of them. */
    private static final List<Wanted> CUDNN = Stream.of("libcudnn.so.9", "libcudnn_graph.so.9", "libcudnn_ops.so.9",
            "libcudnn_adv.so.9", "libcudnn_cnn.so.9").map(name -> new Wanted(name, CUDNN_PACKAGES)).toList();

    /** Where the wheels have cuDNN, seen from the folder of the other libraries. */
    private static final Path BESIDE = Path.of("..", "..", "cudnn", "lib");

    /** Called through the bindings; a call that the library lacked would end the process. */
    private static final List<String> CUDNN_CALLS = List.of("cudnnConvolutionBiasActivationForward",
            "cudnnConvolutionForward", "cudnnCreate", "cudnnCreateActivationDescriptor",
            "cudnnCreateConvolutionDescriptor", "cudnnCreateFilterDescriptor", "cudnnCreateTensorDescriptor",
            "cudnnDestroy", "cudnnDestroyActivationDescriptor", "cudnnDestroyConvolutionDescriptor",
            "cudnnDestroyFilterDescriptor", "cudnnDestroyTensorDescriptor", "cudnnGetConvolutionForwardAlgorithm_v7",
            "cudnnGetConvolutionForwardWorkspaceSize", "cudnnGetLastErrorString", "cudnnGetVersion",
            "cudnnSetActivationDescriptor", "cudnnSetConvolution2dDescriptor", "cudnnSetConvolutionMathType",
            "cudnnSetFilter4dDescriptor", "cudnnSetStream", "cudnnSetTensor4dDescriptor");

    /** Where toolkits put libraries without telling the dynamic loader. */
    private static final List<Path> TOOLKITS = List.of(Path.of("/usr/local/cuda/lib64"),
            Path.of("/usr/local/cuda-13/lib64"), Path.of("/opt/cuda/lib64"));

    /** The optional NAR that carries the libraries; NiFi unpacks all NARs beside one another. */
    private static final String LIBRARIES_NAR = "nifi-qwenimage-cuda-libraries-nar-*.nar-unpacked";
    private static final String UNPACKED = ".nar-unpacked";
    private static final List<String> BUNDLED = List.of("NAR-INF/bundled-dependencies/native",
            "META-INF/bundled-dependencies/native");

    private record Wanted(String name, String packages) {
    }

    /** A library that is loaded as long as this is reachable, or why it is not. */
    private record Opened(CudaLibrary library, NativeLibrary handle) {
    }

    private CudaLibraries() {
    }

    /** Looks for all, as {@link #load} would. */
    static List<CudaLibrary> find(final Path folder) {
        final List<CudaLibrary> found = new ArrayList<>(open(folder).stream().map(Opened::library).toList());
        final List<CudaLibrary> parts = openCudnn(folder).stream().map(Opened::library).toList();
        found.add(parts.stream().filter(part -> !part.isFound()).findFirst().orElse(parts.getFirst()));
        return found;
    }

    /**
     * Loads cuBLASLt; later calls do nothing.
     *
     * @param folder where the libraries lie, or null for where they are usually found
     * @throws IllegalStateException if one is missing; the message names the package that brings it
     */
    static void load(final Path folder) {
        if (System.getProperty(PHYSICAL_LIMIT_PROPERTY) == null) {
            // Without this JavaCPP refuses small allocations once weights fill more than four times the Java heap.
            System.setProperty(PHYSICAL_LIMIT_PROPERTY, "0");
        }
        // Loaded by path, they are what the bindings find under their names, wherever the system looks for them.
        final List<Opened> opened = open(folder);
        final String missing = opened.stream().map(Opened::library).filter(library -> !library.isFound())
                .map(CudaLibrary::remedy).collect(Collectors.joining("; "));
        if (!missing.isEmpty()) {
            throw new IllegalStateException(missing);
        }
        try {
            Loader.load(cublas.class);
        } catch (final UnsatisfiedLinkError | NoClassDefFoundError | ExceptionInInitializerError e) {
            throw new IllegalStateException("cuBLASLt of CUDA 13 cannot be loaded (" + e.getMessage() + "); "
                    + CUBLAS_PACKAGES + " brings it", e);
        } finally {
            Reference.reachabilityFence(opened);
        }
    }

    /**
     * Loads cuDNN after {@link #load}; later calls do nothing.
     *
     * @param folder where the libraries lie, or null for where they are usually found
     * @throws IllegalStateException if a part of it is missing or of no use; the message says which, and what brings it
     */
    static void loadCudnn(final Path folder) {
        final List<Opened> opened = openCudnn(folder);
        for (final Opened part : opened) {
            if (!part.library().isFound()) {
                throw new IllegalStateException(part.library().remedy());
            }
        }
        final NativeLibrary last = opened.getLast().handle();
        try {
            CUDNN_CALLS.forEach(last::getFunction);
            Loader.load(cudnn.class);
        } catch (final UnsatisfiedLinkError | NoClassDefFoundError | ExceptionInInitializerError e) {
            throw new IllegalStateException("cuDNN 9 cannot be loaded (" + e.getMessage() + "): " + CUDNN_PACKAGES
                    + " brings it", e);
        } finally {
            Reference.reachabilityFence(opened);
        }
    }

    private static List<Opened> open(final Path folder) {
        final List<Path> places = folder == null ? usualPlaces() : List.of(folder);
        return WANTED.stream().map(wanted -> open(wanted, places, true)).toList();
    }

    private static List<Opened> openCudnn(final Path folder) {
        final List<Path> places = folder == null ? usualPlaces() : List.of(folder, folder.resolve(BESIDE).normalize());
        return CUDNN.stream().map(wanted -> open(wanted, places, false)).toList();
    }

    private static List<Path> usualPlaces() {
        final List<Path> places = new ArrayList<>(folderOfNar());
        places.add(null);
        places.addAll(TOOLKITS);
        return places;
    }

    /** From the first place that has it; null stands for where the system looks. */
    private static Opened open(final Wanted wanted, final List<Path> places, final boolean needed) {
        String fault = null;
        for (final Path place : places) {
            final Path file = place == null ? null : place.resolve(wanted.name());
            if (file == null || Files.isReadable(file)) {
                try {
                    final NativeLibrary handle = NativeLibrary.getInstance(
                            file == null ? wanted.name() : file.toAbsolutePath().toString());
                    final String found = file == null ? "the system" : place.toString();
                    return new Opened(new CudaLibrary(wanted.name(), found, null, needed), handle);
                } catch (final UnsatisfiedLinkError e) {
                    fault = file == null ? fault : file + " cannot be loaded (" + e.getMessage() + ")";
                }
            }
        }
        final String absence = fault != null ? fault : wanted.name() + (places.stream().anyMatch(Objects::isNull)
                ? " is not on this machine" : " is not in the folder " + places.getFirst());
        final String remedy = absence + ": " + wanted.packages() + " brings it";
        return new Opened(new CudaLibrary(wanted.name(), null, remedy, needed), null);
    }

    /** The folder of libraries in the optional NAR, if it is deployed beside the one that this class lies in. */
    private static List<Path> folderOfNar() {
        try {
            return folderOfNar(
                    Path.of(CudaLibraries.class.getProtectionDomain().getCodeSource().getLocation().toURI()));
        } catch (final IOException | URISyntaxException | IllegalArgumentException e) {
            // Where NARs cannot be listed there is none to be found.
            return List.of();
        }
    }

    /** The same for a class that lies in a place. */
    static List<Path> folderOfNar(final Path own) throws IOException {
        Path nar = own;
        while (nar != null && !String.valueOf(nar.getFileName()).endsWith(UNPACKED)) {
            nar = nar.getParent();
        }
        final List<Path> found = new ArrayList<>();
        if (nar == null) {
            return found;
        }
        try (DirectoryStream<Path> nars = Files.newDirectoryStream(nar.toAbsolutePath().getParent(), LIBRARIES_NAR)) {
            for (final Path libraries : nars) {
                BUNDLED.stream().map(libraries::resolve).filter(Files::isDirectory).forEach(found::add);
            }
        }
        return found;
    }
}
