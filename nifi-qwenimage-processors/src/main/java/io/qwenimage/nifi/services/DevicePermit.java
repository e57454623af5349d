package io.qwenimage.nifi.services;

/** The right to compute on a device. */
public interface DevicePermit extends AutoCloseable {
    /** Lets the next in the queue compute; a second call does nothing. */
    @Override
    void close();
}
