package io.qwenimage.kernels.driver;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/** Modules loaded on a device, each on first use. */
final class ModuleCache implements AutoCloseable {
    private final DriverContext context;
    private final Function<String, Optional<byte[]>> source;
    private final Map<String, KernelModule> modules = new HashMap<>();

    ModuleCache(final DriverContext context, final Function<String, Optional<byte[]>> source) {
        this.context = context;
        this.source = source;
    }

    synchronized KernelModule module(final String name) {
        context.enter();
        final KernelModule known = modules.get(name);
        if (known != null) {
            return known;
        }
        final KernelModule module = KernelModule.load(context, name,
                KernelImage.choose(name, context.properties(), source));
        modules.put(name, module);
        return module;
    }

    @Override
    public synchronized void close() {
        modules.values().forEach(KernelModule::close);
        modules.clear();
    }
}
