package io.qwenimage.ptx.memory;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * A run of bytes with an address, that remembers which of them have been written. Bytes never written hold 0xFF, so
 * that a value made of them is a NaN or -1 wherever it goes.
 */
public final class MemoryRegion {
    private static final VarHandle SHORT = view(short[].class);
    private static final VarHandle INT = view(int[].class);
    private static final VarHandle LONG = view(long[].class);

    private final String name;
    private final long base;
    private final byte[] bytes;
    private final byte[] written;
    private final boolean readOnly;
    private volatile boolean freed;
    /** What bytes held before something wrote them that need not have; null while there are none. */
    private Map<Integer, Byte> spilled;

    /**
     * @param name how messages call it
     * @param base address of the first byte
     * @param size in bytes
     */
    public MemoryRegion(final String name, final long base, final int size) {
        this.name = name;
        this.base = base;
        this.bytes = new byte[size];
        this.written = new byte[size];
        this.readOnly = false;
        Arrays.fill(bytes, (byte) 0xff);
    }

    /** A region with the given content, which counts as written; kernels may write it unless it is read-only. */
    public MemoryRegion(final String name, final long base, final byte[] content, final boolean readOnly) {
        this.name = name;
        this.base = base;
        this.bytes = content;
        this.written = new byte[content.length];
        this.readOnly = readOnly;
        Arrays.fill(written, (byte) 1);
    }

    public String name() {
        return name;
    }

    public long base() {
        return base;
    }

    public int size() {
        return bytes.length;
    }

    /** The content itself, not a copy. */
    public byte[] bytes() {
        return bytes;
    }

    public boolean isReadOnly() {
        return readOnly;
    }

    public boolean isFreed() {
        return freed;
    }

    void free() {
        freed = true;
    }

    /** Whether the whole access lies inside. */
    public boolean contains(final long address, final int width) {
        final long offset = address - base;
        return offset >= 0 && offset <= (long) bytes.length - width;
    }

    /** Whether all of the bytes have been written. */
    public boolean isWritten(final int index, final int width) {
        switch (width) {
            case 1:
                return written[index] != 0;
            case 2:
                return (short) SHORT.get(written, index) == 0x0101;
            case 4:
                return (int) INT.get(written, index) == 0x01010101;
            case 8:
                return (long) LONG.get(written, index) == 0x0101010101010101L;
            default:
                for (int i = index; i < index + width; i++) {
                    if (written[i] == 0) {
                        return false;
                    }
                }
                return true;
        }
    }

    public void markWritten(final int index, final int width) {
        switch (width) {
            case 1 -> written[index] = 1;
            case 2 -> SHORT.set(written, index, (short) 0x0101);
            case 4 -> INT.set(written, index, 0x01010101);
            case 8 -> LONG.set(written, index, 0x0101010101010101L);
            default -> Arrays.fill(written, index, index + width, (byte) 1);
        }
    }

    /** Makes bytes unwritten again and spoils their content. */
    public void poison(final int index, final int width) {
        Arrays.fill(bytes, index, index + width, (byte) 0xff);
        Arrays.fill(written, index, index + width, (byte) 0);
    }

    /**
     * Writes bytes that the writer's contract leaves open: a device changes them, but nobody may count on that. They
     * count as written only if they did before, and {@link #withoutSpills} still knows what they held.
     */
    public synchronized void spill(final int index, final byte[] source, final int offset, final int length) {
        if (spilled == null) {
            spilled = new HashMap<>();
        }
        for (int i = 0; i < length; i++) {
            spilled.putIfAbsent(index + i, bytes[index + i]);
            bytes[index + i] = source[offset + i];
        }
    }

    /** The content as it would be had nothing been spilled; the content itself where nothing was. */
    public synchronized byte[] withoutSpills() {
        if (spilled == null) {
            return bytes;
        }
        final byte[] content = bytes.clone();
        spilled.forEach((index, before) -> content[index] = before);
        return content;
    }

    /** Copies bytes together with whether they have been written. */
    public void copyWithin(final int from, final int to, final int length) {
        System.arraycopy(bytes, from, bytes, to, length);
        System.arraycopy(written, from, written, to, length);
    }

    public byte getByte(final int index) {
        return bytes[index];
    }

    public short getShort(final int index) {
        return (short) SHORT.get(bytes, index);
    }

    public int getInt(final int index) {
        return (int) INT.get(bytes, index);
    }

    public long getLong(final int index) {
        return (long) LONG.get(bytes, index);
    }

    public void putByte(final int index, final byte value) {
        bytes[index] = value;
        written[index] = 1;
    }

    public void putShort(final int index, final short value) {
        SHORT.set(bytes, index, value);
        SHORT.set(written, index, (short) 0x0101);
    }

    public void putInt(final int index, final int value) {
        INT.set(bytes, index, value);
        INT.set(written, index, 0x01010101);
    }

    public void putLong(final int index, final long value) {
        LONG.set(bytes, index, value);
        LONG.set(written, index, 0x0101010101010101L);
    }

    private static VarHandle view(final Class<?> array) {
        return MethodHandles.byteArrayViewVarHandle(array, ByteOrder.LITTLE_ENDIAN);
    }
}
