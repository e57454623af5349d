package io.qwenimage.nifi.services.standard;

import io.qwenimage.backend.Backend;
import io.qwenimage.backend.MemoryStatus;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** Opens backends that compute nothing, and counts. */
final class FakeBackends implements BackendFactory {
    private final AtomicInteger opened = new AtomicInteger();
    private final AtomicInteger closed = new AtomicInteger();
    private final List<CpuSettings> settings = new ArrayList<>();

    int opened() {
        return opened.get();
    }

    int closed() {
        return closed.get();
    }

    List<CpuSettings> settings() {
        return settings;
    }

    @Override
    public Backend open(final CpuSettings asked) {
        opened.incrementAndGet();
        settings.add(asked);
        return (Backend) Proxy.newProxyInstance(Backend.class.getClassLoader(), new Class<?>[] {Backend.class},
                (proxy, method, arguments) -> switch (method.getName()) {
                    case "describe" -> "a device that computes nothing";
                    case "memory" -> new MemoryStatus(asked.memoryBudget(), 0, 0, 0);
                    case "close" -> {
                        closed.incrementAndGet();
                        yield null;
                    }
                    default -> throw new UnsupportedOperationException(method.getName());
                });
    }
}
