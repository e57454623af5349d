package io.qwenimage.nifi.services;

/**
 * The right to compute with a model. While it is open the model's weights stay, even if the service is disabled or the
 * processor terminated; the last lease to close frees what is to be freed.
 *
 * @param <P> the kind of pipeline
 */
public interface ModelLease<P> extends AutoCloseable {
    /** The model, valid until this lease is closed; not to be closed by the borrower. */
    P pipeline();

    /** Hands the model back; a second call does nothing. */
    @Override
    void close();
}
