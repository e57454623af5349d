package io.qwenimage.kernels.driver;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import jcuda.Pointer;
import jcuda.driver.CUjit_option;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import jcuda.driver.JITOptions;

/** The kernels of one source file, loaded on a device; the device unloads it when it is closed. */
public final class KernelModule {
    private static final int LOG_BYTES = 8192;

    private final DriverContext context;
    private final String name;
    private final String image;
    private final CUmodule handle;
    private final Map<String, KernelFunction> kernels = new HashMap<>();

    private KernelModule(final DriverContext context, final String name, final String image, final CUmodule handle) {
        this.context = context;
        this.name = name;
        this.image = image;
        this.handle = handle;
    }

    static KernelModule load(final DriverContext context, final String name, final KernelImage image) {
        final CUmodule handle = new CUmodule();
        // PTX is text that ends with a zero.
        final byte[] content = image.isPtx() ? Arrays.copyOf(image.content(), image.content().length + 1)
                : image.content();
        final JITOptions options = new JITOptions();
        options.putBytes(CUjit_option.CU_JIT_ERROR_LOG_BUFFER, new byte[LOG_BYTES]);
        options.putInt(CUjit_option.CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, LOG_BYTES);
        final int result = JCudaDriver.cuModuleLoadDataJIT(handle, Pointer.to(content), options);
        context.check(result, () -> "loading " + image.name() + remedy(result, options));
        return new KernelModule(context, name, image.name(), handle);
    }

    private static String remedy(final int result, final JITOptions options) {
        final String log = new String(options.getBytes(CUjit_option.CU_JIT_ERROR_LOG_BUFFER), StandardCharsets.UTF_8)
                .split("\0", 2)[0].strip();
        final String reason = log.isEmpty() ? "" : " [" + log + "]";
        return switch (result) {
            case CUresult.CUDA_ERROR_UNSUPPORTED_PTX_VERSION, CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU,
                    CUresult.CUDA_ERROR_INVALID_IMAGE, CUresult.CUDA_ERROR_INVALID_SOURCE ->
                    " (the driver is older than the image; update the driver)" + reason;
            default -> reason;
        };
    }

    /** Name of the source file without its ending. */
    public String name() {
        return name;
    }

    /** Which of its images is loaded: {@code norm.sm_90a.cubin}. */
    public String image() {
        return image;
    }

    /**
     * A kernel of the module.
     *
     * @throws IllegalArgumentException if it has none of that name
     */
    public synchronized KernelFunction kernel(final String entry) {
        context.enter();
        final KernelFunction known = kernels.get(entry);
        if (known != null) {
            return known;
        }
        final KernelFunction.Handle function = new KernelFunction.Handle();
        final int result = JCudaDriver.cuModuleGetFunction(function, handle, entry);
        if (result == CUresult.CUDA_ERROR_NOT_FOUND) {
            throw new IllegalArgumentException("kernel module " + image + " has no kernel " + entry);
        }
        context.check(result, () -> "finding kernel " + entry + " in " + image);
        final KernelFunction kernel = new KernelFunction(context, entry, image, function);
        kernels.put(entry, kernel);
        return kernel;
    }

    void close() {
        if (!context.isLost()) {
            context.enter();
            context.check(JCudaDriver.cuModuleUnload(handle), () -> "unloading " + image);
        }
    }

    @Override
    public String toString() {
        return image;
    }
}
