package io.qwenimage.kernels.driver;

/**
 * The compute capability of a device, for instance 8.0 (A100) or 9.0 (H100).
 *
 * @param major generation
 * @param minor variant within the generation
 */
public record ComputeCapability(int major, int minor) implements Comparable<ComputeCapability> {
    /** Whether code compiled for the other capability's PTX can be compiled further for this one. */
    public boolean isAtLeast(final int otherMajor, final int otherMinor) {
        return compareTo(new ComputeCapability(otherMajor, otherMinor)) >= 0;
    }

    /** As in names of compiled images: {@code sm_90}. */
    public String architecture() {
        return "sm_" + major + minor;
    }

    @Override
    public int compareTo(final ComputeCapability other) {
        return major == other.major ? Integer.compare(minor, other.minor) : Integer.compare(major, other.major);
    }

    @Override
    public String toString() {
        return major + "." + minor;
    }
}
