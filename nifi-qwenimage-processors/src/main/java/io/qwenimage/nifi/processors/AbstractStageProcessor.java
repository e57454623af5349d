package io.qwenimage.nifi.processors;

import io.qwenimage.backend.Cancellation;
import io.qwenimage.nifi.services.ModelLease;
import io.qwenimage.nifi.services.QwenImageModelService;
import io.qwenimage.nifi.services.TinyForward;
import io.qwenimage.pipeline.ModelCard;
import io.qwenimage.pipeline.QwenImagePipeline;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.processor.ProcessContext;

/** The stages from a prompt to a picture: each runs on a Qwen-Image model. */
abstract class AbstractStageProcessor extends AbstractModelProcessor<QwenImagePipeline> {
    static final PropertyDescriptor MODEL_SERVICE = new PropertyDescriptor.Builder()
            .name("Model Service")
            .description("The model that does the work. All stages of one picture need the same model.")
            .required(true)
            .identifiesControllerService(QwenImageModelService.class)
            .build();

    /**
     * Does the smallest piece of work of this stage.
     *
     * @return what was done, in words
     */
    abstract String tryOut(TinyForward forward);

    @Override
<<<<<<< ours
    final ModelLease<QwenImagePipeline> acquire(final ProcessContext context, final Cancellation cancellation) {
        return context.getProperty(MODEL_SERVICE).asControllerService(QwenImageModelService.class)
                .acquire(cancellation);
=======
    public final void onTrigger(final ProcessContext context, final ProcessSession session) {
        final FlowFile flowFile = session.get();
        if (flowFile == null) {
            return;
        }
        try {
            process(context, session, flowFile);
        } catch (final DataException e) {
            fail(session, flowFile, e);
        } catch (final CancellationException e) {
            getLogger().info("{} was given back to its queue: {}", flowFile, e.getMessage());
            session.rollback();
        } catch (final TerminatedTaskException e) {
            throw e;
        } catch (final ResourceExhaustedException | ServiceUnavailableException | WeightException e) {
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
>>>>>>> theirs
    }

    @Override
    final String describeModel(final QwenImagePipeline pipeline) {
        final ModelCard card = pipeline.card();
        return card.displayName() + " (" + card.id() + ")"
                + (card.trained() ? "" : "; its weights are random, its pictures show nothing");
    }

<<<<<<< ours
    @Override
    final String tryOut(final QwenImagePipeline pipeline) {
        return tryOut(new TinyForward(pipeline));
=======
    /** The model service, asked for anew each time: no state of a run lives in a processor's field. */
    static QwenImageModelService modelService(final ProcessContext context) {
        return context.getProperty(MODEL_SERVICE).asControllerService(QwenImageModelService.class);
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

    private static ModelLease reach(final ProcessContext context) {
        try {
            return modelService(context).acquire(TinyForward.UNTIL_INTERRUPTED);
        } catch (final RuntimeException e) {
            throw new ServiceUnavailableException("the model service lends no model: " + e.getMessage()
                    + "; enable it, and verify it if it is enabled", e);
        }
    }

    private void fail(final ProcessSession session, final FlowFile flowFile, final DataException fault) {
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
>>>>>>> theirs
    }
}
