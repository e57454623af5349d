package io.qwenimage.nifi.services.standard;

import io.qwenimage.backend.Backend;
import io.qwenimage.backend.MemoryStatus;
import io.qwenimage.backend.cpu.CpuOptions;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

/** Opens backends that compute nothing, and counts. */
final class FakeBackends implements BackendFactory {
    private final AtomicInteger opened = new AtomicInteger();
    private final AtomicInteger closed = new AtomicInteger();
    private final List<CpuOptions> options = new ArrayList<>();
    private final List<AtomicReference<String>> losses = new ArrayList<>();
    private RuntimeException refusal;

    /** A device that nobody configured. */
    Backend open() {
        return open(new CpuOptions(1, 1, null, CpuOptions.Arithmetic.AUTOMATIC));
    }

    /** The backend that was opened last is lost from now on. */
    void lose(final String reason) {
        losses.getLast().set(reason);
    }

    /** Opens nothing from now on; null: it does again. */
    void refuse(final RuntimeException reason) {
        refusal = reason;
    }

    int opened() {
        return opened.get();
    }

    int closed() {
        return closed.get();
    }

    List<CpuOptions> options() {
        return options;
    }

    @Override
    public Backend open(final CpuOptions asked) {
        if (refusal != null) {
            throw refusal;
        }
        opened.incrementAndGet();
        options.add(asked);
        final AtomicReference<String> loss = new AtomicReference<>();
        losses.add(loss);
        return (Backend) Proxy.newProxyInstance(Backend.class.getClassLoader(), new Class<?>[] {Backend.class},
                (proxy, method, arguments) -> switch (method.getName()) {
                    case "describe" -> "a device that computes nothing";
                    case "memory" -> new MemoryStatus(asked.memoryBudget(), 0, 0, 0);
                    case "streamsLayers" -> false;
                    case "loss" -> Optional.ofNullable(loss.get());
                    case "close" -> {
                        closed.incrementAndGet();
                        yield null;
                    }
                    default -> throw new UnsupportedOperationException(method.getName());
                });
    }
}
