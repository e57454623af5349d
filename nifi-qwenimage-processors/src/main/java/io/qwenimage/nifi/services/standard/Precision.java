package io.qwenimage.nifi.services.standard;

import io.qwenimage.tensor.DType;
import org.apache.nifi.components.DescribedValue;

/** The type of activations and weights on a device; sums are always in single precision. */
public enum Precision implements DescribedValue {
    BF16("BF16", "What the models were trained in, and what tensor cores are made for", DType.BF16),
    FP32("FP32", "Single precision, to compare with: twice the memory, several times the time", DType.F32);

    private final String displayName;
    private final String description;
    private final DType type;

    Precision(final String displayName, final String description, final DType type) {
        this.displayName = displayName;
        this.description = description;
        this.type = type;
    }

    /** The type of activations. */
    DType type() {
        return type;
    }

    @Override
    public String getValue() {
        return name();
    }

    @Override
    public String getDisplayName() {
        return displayName;
    }

    @Override
    public String getDescription() {
        return description;
    }
}
