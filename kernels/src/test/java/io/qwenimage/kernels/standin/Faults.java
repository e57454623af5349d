package io.qwenimage.kernels.standin;

/** Faults that the stand-in provokes when told to. */
public final class Faults {
    private long launchesUntilFault = -1;
    private int fault;
    private long launchesUntilHang = -1;
    private volatile boolean deviceGone;
    private long memoryLimit = Long.MAX_VALUE;
    private long pageLockedLimit = Long.MAX_VALUE;
    private long waitsUntilDropped = -1;
    private long recordsUntilDropped = -1;
    private int initialisation;
    private int convolution;
    private int convolutionsToFail;
    private boolean lacksConvolutions;

    /** The launch after so many others breaks its context with an error, which shows when it is waited for. */
    public synchronized void failLaunchAfter(final long launches, final int result) {
        launchesUntilFault = launches;
        fault = result;
    }

    /** The launch after so many others never ends. */
    public synchronized void hangLaunchAfter(final long launches) {
        launchesUntilHang = launches;
    }

    /** All devices have fallen off the bus: nothing succeeds, and opening them anew neither. */
    public void loseDevices() {
        deviceGone = true;
    }

    /** The devices are there again; contexts that were lost stay lost. */
    public void returnDevices() {
        deviceGone = false;
    }

    /** Every device has no more memory than so many bytes, as if others had taken the rest. */
    public synchronized void limitMemory(final long bytes) {
        memoryLimit = bytes;
    }

    /** The host has no more memory to page-lock than so many bytes together. */
    public synchronized void limitPageLocked(final long bytes) {
        pageLockedLimit = bytes;
    }

    /** The wait of a stream for an event after so many others is forgotten, as if it had not been asked for. */
    public synchronized void dropWaitAfter(final long waits) {
        waitsUntilDropped = waits;
    }

    /** The recording of an event after so many others is forgotten, as if it had not been asked for. */
    public synchronized void dropRecordAfter(final long records) {
        recordsUntilDropped = records;
    }

    /** What {@code cuDeviceGetCount} answers instead of success; 0 for none. */
    public synchronized void failEnumeration(final int result) {
        initialisation = result;
    }

    /** The status that cuDNN answers the next so many convolutions with, none of which it computes. */
    public synchronized void failConvolutions(final int count, final int status) {
        convolutionsToFail = count;
        convolution = status;
    }

    /** cuDNN has no algorithm for any convolution that it is asked for from now on, or has them again. */
    public synchronized void lackConvolutions(final boolean lacking) {
        lacksConvolutions = lacking;
    }

    boolean areDevicesGone() {
        return deviceGone;
    }

    synchronized long memoryLimit() {
        return memoryLimit;
    }

    synchronized long pageLockedLimit() {
        return pageLockedLimit;
    }

    synchronized int enumeration() {
        return initialisation;
    }

    /** Whether this wait of a stream for an event is forgotten. */
    synchronized boolean nextWaitIsDropped() {
        return waitsUntilDropped >= 0 && waitsUntilDropped-- == 0;
    }

    /** Whether this recording of an event is forgotten. */
    synchronized boolean nextRecordIsDropped() {
        return recordsUntilDropped >= 0 && recordsUntilDropped-- == 0;
    }

    /** The error that this kernel ends with, or 0. */
    synchronized int nextLaunch() {
        return launchesUntilFault >= 0 && launchesUntilFault-- == 0 ? fault : 0;
    }

    /** The status that this convolution is refused with, or 0. */
    synchronized int nextConvolution() {
        return convolutionsToFail-- > 0 ? convolution : 0;
    }

    synchronized boolean lacksConvolutions() {
        return lacksConvolutions;
    }

    /** Whether this kernel never ends. */
    synchronized boolean nextLaunchHangs() {
        return launchesUntilHang >= 0 && launchesUntilHang-- == 0;
    }
}
