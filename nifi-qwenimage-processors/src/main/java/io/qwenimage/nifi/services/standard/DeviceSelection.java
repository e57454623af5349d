package io.qwenimage.nifi.services.standard;

import org.apache.nifi.components.DescribedValue;

/** How a device is chosen among several. */
public enum DeviceSelection implements DescribedValue {
    MOST_FREE_MEMORY("Most Free Memory", "The one with the most free memory when the service is enabled; of several, "
            + "each is opened for a moment to be asked"),
    INDEX("Index", "The one that Device Index names"),
    UUID("UUID", "The one that Device UUID names, whatever its number is after the next start of the machine");

    private final String displayName;
    private final String description;

    DeviceSelection(final String displayName, final String description) {
        this.displayName = displayName;
        this.description = description;
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
