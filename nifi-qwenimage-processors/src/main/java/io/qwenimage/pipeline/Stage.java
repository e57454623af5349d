package io.qwenimage.pipeline;

/** What a stage needs to run, freed without a checked exception. */
interface Stage extends AutoCloseable {
    @Override
    void close();
}
