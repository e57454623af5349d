package io.qwenimage.kernels;

import io.qwenimage.kernels.driver.ComputeCapability;
import io.qwenimage.kernels.driver.CudaDevice;
import io.qwenimage.kernels.driver.DeviceLostException;
import io.qwenimage.kernels.driver.DeviceProperties;
import io.qwenimage.kernels.standin.PosedDevice;
import io.qwenimage.kernels.standin.StandIn;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.junit.platform.commons.support.AnnotationSupport;

/** Opens a {@link KernelDevice} for every test that has one as its parameter, and judges it afterwards. */
final class KernelDeviceExtension implements BeforeEachCallback, ParameterResolver, AfterEachCallback {
    private static final ExtensionContext.Namespace NAMESPACE =
            ExtensionContext.Namespace.create(KernelDeviceExtension.class);
    private static final ComputeCapability DEFAULT = new ComputeCapability(8, 0);

    /** Keeps the context of a real device while all tests run, for opening one takes long. */
    private static final class RealContext implements AutoCloseable {
        private CudaDevice device;

        private synchronized void keep(final int ordinal) {
            if (device == null) {
                device = CudaDevice.open(ordinal, 1);
            }
        }

        /** Gives up a context that an error has broken, so that the next test gets a new one. */
        private synchronized void drop() {
            final CudaDevice broken = device;
            device = null;
            try {
                broken.close();
            } catch (final DeviceLostException e) {
                // As expected: it is closed nevertheless.
                return;
            }
        }

        @Override
        public synchronized void close() {
            if (device != null) {
                device.close();
            }
        }
    }

    /** Opens the device here, for a test that is aborted while its parameters are resolved counts as failed. */
    @Override
    public void beforeEach(final ExtensionContext context) {
        if (List.of(context.getRequiredTestMethod().getParameterTypes()).contains(KernelDevice.class)) {
            context.getStore(NAMESPACE).put(KernelDevice.class, open(context));
        }
    }

    @Override
    public boolean supportsParameter(final ParameterContext parameter, final ExtensionContext context) {
        return parameter.getParameter().getType() == KernelDevice.class;
    }

    @Override
    public Object resolveParameter(final ParameterContext parameter, final ExtensionContext context) {
        return context.getStore(NAMESPACE).computeIfAbsent(KernelDevice.class, key -> open(context),
                KernelDevice.class);
    }

    private static KernelDevice open(final ExtensionContext context) {
        final Optional<ComputeCapability> wanted = wanted(context);
        if (KernelDevice.isReal()) {
            final int ordinal = Integer.getInteger("qwenimage.gpu.ordinal", 0);
            final DeviceProperties properties = CudaDevice.list().get(ordinal);
            Assumptions.assumeTrue(wanted.isEmpty() || wanted.get().equals(properties.capability()),
                    () -> "needs compute capability " + wanted.orElseThrow() + ", not " + properties.title());
            realContext(context).keep(ordinal);
            return new KernelDevice(CudaDevice.openForDebugging(ordinal, KernelDevice.BUDGET_BYTES, Map.of()));
        }
        final ComputeCapability posed = wanted.orElse(DEFAULT);
        StandIn.install().setUp(context.getUniqueId().hashCode(), PosedDevice.of(posed.major(), posed.minor()));
        return new KernelDevice(CudaDevice.openForDebugging(0, KernelDevice.BUDGET_BYTES, Map.of()));
    }

    private static RealContext realContext(final ExtensionContext context) {
        return context.getRoot().getStore(NAMESPACE).computeIfAbsent(RealContext.class, key -> new RealContext(),
                RealContext.class);
    }

    private static Optional<ComputeCapability> wanted(final ExtensionContext context) {
        return AnnotationSupport.findAnnotation(context.getRequiredTestMethod(), Poses.class)
                .or(() -> AnnotationSupport.findAnnotation(context.getRequiredTestClass(), Poses.class))
                .map(poses -> new ComputeCapability(poses.major(), poses.minor()));
    }

    /** Fails the test for every fault, unless it has failed already; in any case the device is closed. */
    @Override
    public void afterEach(final ExtensionContext context) {
        final KernelDevice device = context.getStore(NAMESPACE).remove(KernelDevice.class, KernelDevice.class);
        if (device == null) {
            return;
        }
        final List<String> faults = new ArrayList<>();
        try {
            device.close();
        } catch (final RuntimeException e) {
            faults.add("closing the device: " + e.getMessage());
        }
        if (KernelDevice.isReal() && device.cuda().isLost()) {
            realContext(context).drop();
        }
        if (!KernelDevice.isReal()) {
            faults.addAll(StandIn.install().findings());
            faults.addAll(StandIn.install().open().stream().map(open -> "left open: " + open).toList());
        }
        if (!faults.isEmpty()) {
            // Of a test that has failed already, this becomes a suppressed part.
            throw new AssertionError(String.join("\n", faults));
        }
    }
}
