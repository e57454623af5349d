package io.qwenimage.nifi.services.standard;

import io.qwenimage.nifi.services.ComputeDeviceService;
import io.qwenimage.nifi.services.DeviceLease;
import io.qwenimage.nifi.services.ServiceUnavailableException;
import java.util.List;
import org.apache.nifi.annotation.documentation.CapabilityDescription;
import org.apache.nifi.annotation.documentation.Tags;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.controller.AbstractControllerService;
import org.apache.nifi.expression.ExpressionLanguageScope;
import org.apache.nifi.processor.util.StandardValidators;

@Tags({"qwen", "image", "cpu", "device", "memory"})
@CapabilityDescription("Computes on the processors of this machine. Owns threads, a memory budget and the queue of those "
        + "who want to compute.")
public class CpuComputeDeviceService extends AbstractControllerService implements ComputeDeviceService {
    static final PropertyDescriptor THREADS = new PropertyDescriptor.Builder()
            .name("Threads")
            .description("How many threads one computation uses. Not set: as many as the machine has cores.")
            .expressionLanguageSupported(ExpressionLanguageScope.ENVIRONMENT)
            .addValidator(StandardValidators.createLongValidator(1, 1024, true))
            .build();

    static final PropertyDescriptor MEMORY_BUDGET = new PropertyDescriptor.Builder()
            .name("Memory Budget")
            .description("How much native memory weights and computations may take together, outside the Java heap. "
                    + "Not set: three quarters of the machine's physical memory, less the Java heap.")
            .expressionLanguageSupported(ExpressionLanguageScope.ENVIRONMENT)
            .addValidator(StandardValidators.DATA_SIZE_VALIDATOR)
            .build();

    static final PropertyDescriptor CONCURRENT_REQUESTS = new PropertyDescriptor.Builder()
            .name("Concurrent Requests")
            .description("How many requests compute at the same time; further ones wait in a queue, first come first "
                    + "served. More than one rarely helps on a CPU, since one request already uses all threads.")
            .required(true)
            .defaultValue("1")
            .expressionLanguageSupported(ExpressionLanguageScope.ENVIRONMENT)
            .addValidator(StandardValidators.createLongValidator(1, 1024, true))
            .build();

    static final PropertyDescriptor NATIVE_LIBRARY_CACHE_DIRECTORY = new PropertyDescriptor.Builder()
            .name("Native Library Cache Directory")
            .description("Where the native libraries of the processors are unpacked; created when missing. Not set: a "
                    + "folder of this user below the temporary directory.")
            .expressionLanguageSupported(ExpressionLanguageScope.ENVIRONMENT)
            .addValidator(StandardValidators.NON_BLANK_VALIDATOR)
            .build();

    private static final List<PropertyDescriptor> PROPERTIES =
            List.of(THREADS, MEMORY_BUDGET, CONCURRENT_REQUESTS, NATIVE_LIBRARY_CACHE_DIRECTORY);

    @Override
    protected List<PropertyDescriptor> getSupportedPropertyDescriptors() {
        return PROPERTIES;
    }

    @Override
    public DeviceLease acquire() {
        throw new ServiceUnavailableException("the CPU device cannot be opened: this build has no CPU backend");
    }
}
