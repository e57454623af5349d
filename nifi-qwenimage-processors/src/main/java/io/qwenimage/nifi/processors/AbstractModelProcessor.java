package io.qwenimage.nifi.processors;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.backend.DeviceFaultException;
import io.qwenimage.backend.ResourceExhaustedException;
import io.qwenimage.image.ImageException;
import io.qwenimage.nifi.services.ModelLease;
import io.qwenimage.nifi.services.ServiceUnavailableException;
import io.qwenimage.nifi.services.TinyForward;
import io.qwenimage.nifi.services.VerificationReport;
import io.qwenimage.pipeline.DataException;
import io.qwenimage.weights.WeightException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import org.apache.nifi.components.ConfigVerificationResult;
import org.apache.nifi.flowfile.FlowFile;
import org.apache.nifi.logging.ComponentLog;
import org.apache.nifi.processor.AbstractProcessor;
import org.apache.nifi.processor.ProcessContext;
import org.apache.nifi.processor.ProcessSession;
import org.apache.nifi.processor.Relationship;
import org.apache.nifi.processor.VerifiableProcessor;
import org.apache.nifi.processor.exception.FlowFileAccessException;
import org.apache.nifi.processor.exception.ProcessException;
import org.apache.nifi.processor.exception.TerminatedTaskException;

/**
 * What the processors have in common: the failure relationship, and which fault goes where. A fault of the data sends
 * the FlowFile to failure; a fault of anything else leaves it in its queue, unharmed.
 *
 * @param <P> the kind of pipeline that does the work
 */
abstract class AbstractModelProcessor<P> extends AbstractProcessor implements VerifiableProcessor {
    static final Relationship FAILURE = new Relationship.Builder()
            .name("failure")
            .description("FlowFiles at fault, content untouched; the attribute qwenimage.error says what is wrong and "
                    + "what would help")
            .build();

    /**
     * Does the work on one FlowFile.
     *
     * @throws DataException  if the FlowFile is at fault; the session holds nothing new then
     * @throws ImageException if its picture is
     */
    abstract void process(ProcessContext context, ProcessSession session, FlowFile flowFile);

    /**
     * Reads the properties as they are for some attributes.
     *
     * @return what they amount to, in words
     * @throws DataException if one has a value that cannot be used
     */
    abstract String describeProperties(StageAttributes.Values values);

    /** Borrows the model; asked for anew each time, since no state of a run lives in a processor's field. */
    abstract ModelLease<P> acquire(ProcessContext context, Cancellation cancellation);

    /** What model it is, in words. */
    abstract String describeModel(P pipeline);

    /**
     * Does the smallest piece of work.
     *
     * @return what was done, in words
     */
    abstract String tryOut(P pipeline);

    @Override
    public final void onTrigger(final ProcessContext context, final ProcessSession session) {
        final FlowFile flowFile = session.get();
        if (flowFile == null) {
            return;
        }
        try {
            process(context, session, flowFile);
        } catch (final DataException | ImageException e) {
            fail(session, flowFile, e);
        } catch (final CancellationException e) {
            getLogger().info("{} was given back to its queue: {}", flowFile, e.getMessage());
            session.rollback();
        } catch (final TerminatedTaskException e) {
            throw e;
        } catch (final ResourceExhaustedException | DeviceFaultException | ServiceUnavailableException
                | WeightException e) {
            retreat(context, session, flowFile, e.getMessage(), e);
        } catch (final FlowFileAccessException | ProcessException e) {
            retreat(context, session, flowFile, "its content could not be read or written ("
                    + deepestCause(e).getMessage() + "); look for a full or failing disk below NiFi's content repository", e);
        } catch (final OutOfMemoryError e) {
            retreat(context, session, flowFile, "the Java heap is exhausted (" + e.getMessage()
                    + "); raise -Xmx in conf/bootstrap.conf or make smaller or fewer pictures", e);
        } catch (final StackOverflowError e) {
            retreat(context, session, flowFile, "the thread's stack is exhausted; raise -Xss in conf/bootstrap.conf",
                    e);
        }
    }

    @Override
    public final List<ConfigVerificationResult> verify(final ProcessContext context,
            final ComponentLog verificationLogger, final Map<String, String> attributes) {
        final VerificationReport report = new VerificationReport(verificationLogger);
        report.step("Properties", () -> describeProperties(StageAttributes.Values.of(context, attributes)));
        report.step("Model Service", () -> {
            try (ModelLease<P> lease = reach(context)) {
                return describeModel(lease.pipeline());
            }
        });
        report.step("Forward", () -> {
            try (ModelLease<P> lease = reach(context)) {
                return tryOut(lease.pipeline());
            }
        });
        return report.results();
    }

    /** Calls work off when the processor is stopped or terminated. */
    final Cancellation untilStopped() {
        return () -> {
            if (!isScheduled()) {
                throw new CancellationException("the processor was stopped");
            }
            if (Thread.currentThread().isInterrupted()) {
                throw new CancellationException("the processor was terminated");
            }
        };
    }

    private ModelLease<P> reach(final ProcessContext context) {
        try {
            return acquire(context, TinyForward.UNTIL_INTERRUPTED);
        } catch (final RuntimeException e) {
            throw new ServiceUnavailableException("the model service lends no model: " + e.getMessage()
                    + "; enable it, and verify it if it is enabled", e);
        }
    }

    private void fail(final ProcessSession session, final FlowFile flowFile, final RuntimeException fault) {
        // The message says all; the trace is for whoever looks for a fault of ours.
        getLogger().error("{} goes to failure: {}", flowFile, fault.getMessage());
        getLogger().debug("{} goes to failure", flowFile, fault);
        final FlowFile marked = session.putAttribute(flowFile, StageAttributes.ERROR, fault.getMessage());
        session.getProvenanceReporter().route(marked, FAILURE, fault.getMessage());
        session.transfer(session.penalize(marked), FAILURE);
    }

    /** NiFi wraps what the disk said, such as "No space left on device". */
    private static Throwable deepestCause(final Throwable fault) {
        Throwable cause = fault;
        while (cause.getCause() != null) {
            cause = cause.getCause();
        }
        return cause;
    }

    private void retreat(final ProcessContext context, final ProcessSession session, final FlowFile flowFile,
            final String reason, final Throwable fault) {
        getLogger().error("{} stays in its queue: {}", flowFile, reason, fault);
        session.rollback(true);
        context.yield();
    }
}
