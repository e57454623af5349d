package io.qwenimage.nifi.services;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import org.apache.nifi.components.ConfigVerificationResult;
import org.apache.nifi.components.ConfigVerificationResult.Outcome;
import org.apache.nifi.logging.ComponentLog;

/** The steps of a component's verification, each told in words; after a failed step the later ones are skipped. */
public final class VerificationReport {
    private final ComponentLog logger;
    private final List<ConfigVerificationResult> results = new ArrayList<>();
    private boolean failed;

    public VerificationReport(final ComponentLog logger) {
        this.logger = logger;
    }

    /**
     * Does a step, unless one has failed before.
     *
     * @param name  of the step
     * @param check returns what was found; what it throws is the failure's explanation
     */
    public void step(final String name, final Callable<String> check) {
        if (failed) {
            add(name, Outcome.SKIPPED, "skipped because an earlier step failed");
            return;
        }
        try {
            add(name, Outcome.SUCCESSFUL, check.call());
        } catch (final Exception | LinkageError | OutOfMemoryError | StackOverflowError e) {
            logger.warn("Verification step {} failed", name, e);
            add(name, Outcome.FAILED, e.getMessage() == null ? e.toString() : e.getMessage());
        }
    }

    /** Adds a step that was done elsewhere. */
    public void add(final String name, final boolean successful, final String explanation) {
        add(name, successful ? Outcome.SUCCESSFUL : Outcome.FAILED, explanation);
    }

    /** Adds a step that was left out for a reason that is no fault. */
    public void skip(final String name, final String reason) {
        add(name, Outcome.SKIPPED, reason);
    }

    /** Whether a step has failed. */
    public boolean failed() {
        return failed;
    }

    /** All steps so far. */
    public List<ConfigVerificationResult> results() {
        return Collections.unmodifiableList(new ArrayList<>(results));
    }

    private void add(final String name, final Outcome outcome, final String explanation) {
        failed |= outcome == Outcome.FAILED;
        results.add(new ConfigVerificationResult.Builder()
                .verificationStepName(name)
                .outcome(outcome)
                .explanation(explanation)
                .build());
    }
}
