package io.qwenimage.nifi.services.standard;

import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.expression.ExpressionLanguageScope;
import org.apache.nifi.processor.util.StandardValidators;

/** Properties that services of all devices have. */
final class CommonProperties {
    private static final int MOST_REQUESTS = 1024;

    private CommonProperties() {
    }

    /**
     * How many may compute at the same time.
     *
     * @param reason why more than one rarely helps on this kind of device
     */
    static PropertyDescriptor concurrentRequests(final String reason) {
        return new PropertyDescriptor.Builder()
                .name("Concurrent Requests")
                .description("How many requests compute at the same time; further ones wait in a queue, first come "
                        + "first served. More than one rarely helps, since " + reason + ".")
                .required(true)
                .defaultValue("1")
                .expressionLanguageSupported(ExpressionLanguageScope.ENVIRONMENT)
                .addValidator(StandardValidators.createLongValidator(1, MOST_REQUESTS, true))
                .build();
    }
}
