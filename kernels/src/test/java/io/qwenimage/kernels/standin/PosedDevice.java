package io.qwenimage.kernels.standin;

import io.qwenimage.kernels.driver.ComputeCapability;
import java.util.UUID;

/**
 * A device as which the stand-in poses; limits are those of "Technical Specifications per Compute Capability" in the
 * CUDA programming guide.
 *
 * @param sharedBytesPerMultiprocessor of which 1 KiB a block belongs to the system
 */
public record PosedDevice(String name, UUID uuid, ComputeCapability capability, long memoryBytes, int multiprocessors,
                          int threadsPerMultiprocessor, int blocksPerMultiprocessor, int sharedBytesPerMultiprocessor,
                          int l2Bytes) {
    static final int REGISTERS_PER_BLOCK = 65536;
    static final int SHARED_BYTES_PER_BLOCK = 48 << 10;
    static final int SHARED_BYTES_OF_SYSTEM = 1 << 10;
    private static final long GIB = 1L << 30;

    /** A device of compute capability 8.0. */
    public static PosedDevice a100() {
        return new PosedDevice("Stand-in A100", identity(1), new ComputeCapability(8, 0), 40 * GIB, 108, 2048, 32,
                164 << 10, 40 << 20);
    }

    /** A device of compute capability 9.0. */
    public static PosedDevice h100() {
        return new PosedDevice("Stand-in H100", identity(2), new ComputeCapability(9, 0), 80 * GIB, 132, 2048, 32,
                228 << 10, 50 << 20);
    }

    /** A device of compute capability 8.9. */
    public static PosedDevice rtx4090() {
        return new PosedDevice("Stand-in RTX 4090", identity(3), new ComputeCapability(8, 9), 24 * GIB, 128, 1536, 24,
                100 << 10, 72 << 20);
    }

    /** A device of any compute capability, with the limits of a like one. */
    public static PosedDevice of(final int major, final int minor) {
        final PosedDevice like = major == 9 || major == 10 ? h100() : major == 8 && minor == 0 ? a100() : rtx4090();
        return like.withCapability(major, minor);
    }

    /** The same with another compute capability. */
    public PosedDevice withCapability(final int major, final int minor) {
        return new PosedDevice(name, uuid, new ComputeCapability(major, minor), memoryBytes, multiprocessors,
                threadsPerMultiprocessor, blocksPerMultiprocessor, sharedBytesPerMultiprocessor, l2Bytes);
    }

    /** The same with less memory or more. */
    public PosedDevice withMemory(final long bytes) {
        return new PosedDevice(name, uuid, capability, bytes, multiprocessors, threadsPerMultiprocessor,
                blocksPerMultiprocessor, sharedBytesPerMultiprocessor, l2Bytes);
    }

    /** The same with another identity, for machines with two of a kind. */
    public PosedDevice withIdentity(final int number) {
        return new PosedDevice(name, identity(number), capability, memoryBytes, multiprocessors,
                threadsPerMultiprocessor,
                blocksPerMultiprocessor, sharedBytesPerMultiprocessor, l2Bytes);
    }

    int sharedBytesPerBlockOptIn() {
        return sharedBytesPerMultiprocessor - SHARED_BYTES_OF_SYSTEM;
    }

    private static UUID identity(final int number) {
        return new UUID(0x5354414e44494eL, number);
    }
}
