package io.qwenimage.backend.cpu;

import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.Shape;
import io.qwenimage.tensor.Tensor;

/** A matrix [out, in] as {@link Linear} wants it, in panels of output columns. */
final class LinearWeight implements Tensor {
    private final Shape shape;
    private final DType dtype;
    private final Storage storage;
    private final boolean packed;
    private final long panelColumns;
    private final long panelBytes;

    /**
     * A prepared weight.
     *
     * @param dtype        of the stored elements
     * @param packed       whether panels are in oneDNN's blocked layout, else rows lie as in the file
     * @param panelColumns output columns of every panel but the last
     * @param panelBytes   distance between panels
     */
    LinearWeight(final Shape shape, final DType dtype, final Storage storage, final boolean packed,
            final long panelColumns, final long panelBytes) {
        this.shape = shape;
        this.dtype = dtype;
        this.storage = storage;
        this.packed = packed;
        this.panelColumns = panelColumns;
        this.panelBytes = panelBytes;
    }

    @Override
    public Shape shape() {
        return shape;
    }

    @Override
    public DType dtype() {
        return dtype;
    }

    /** Who owns the memory. */
    Storage storage() {
        return storage;
    }

    /** Whether panels are in oneDNN's blocked layout. */
    boolean packed() {
        return packed;
    }

    /** Number of panels. */
    int panels() {
        return (int) ((shape.extent(0) + panelColumns - 1) / panelColumns);
    }

    /** First output column of a panel. */
    long firstColumn(final int panel) {
        return panel * panelColumns;
    }

    /** Output columns of a panel. */
    long columns(final int panel) {
        return Math.min(panelColumns, shape.extent(0) - panel * panelColumns);
    }

    /** Address of a panel. */
    long address(final int panel) {
        return storage.address() + panel * panelBytes;
    }

    @Override
    public String toString() {
        return dtype + shape.toString();
    }
}
