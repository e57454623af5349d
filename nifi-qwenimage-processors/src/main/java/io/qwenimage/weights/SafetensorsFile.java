package io.qwenimage.weights;

import io.qwenimage.tensor.HostTensor;
import io.qwenimage.tensor.Shape;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CancellationException;

/**
 * One safetensors file, mapped into memory: opening it reads the header only, and the system reads pages as tensors are
 * used. The data is mapped in regions of at most 2 GiB, cut between tensors, or between rows of a tensor that is larger
 * than that, so files and tensors may be of any size; a single row of 2 GiB or more is refused when it is asked for.
 * Tensors of types that nothing here computes with are listed but refused as well.
 *
 * <p>No file handle stays open, and a thread's interruption after opening harms nobody. {@link #close()} drops the
 * maps; Java unmaps them when the last tensor that was handed out is no longer reachable, which no supported call can
 * hasten. A file must not be shortened while it is mapped.
 */
public final class SafetensorsFile implements WeightSource {
    private static final String DAMAGED = ". The file is damaged or incomplete; download it again";
    /** Backends that repack rows in panels find whole panels in every part of a large tensor. */
    private static final int PART_ROW_UNIT = 1024;
    private static final ByteBuffer NOTHING = ByteBuffer.allocateDirect(0).asReadOnlyBuffer();

    private final String origin;
    private final SafetensorsHeader header;
    private final long fileBytes;
    private volatile Map<String, List<ByteBuffer>> data;

    private SafetensorsFile(final String origin, final SafetensorsHeader header, final long fileBytes,
            final Map<String, List<ByteBuffer>> data) {
        this.origin = origin;
        this.header = header;
        this.fileBytes = fileBytes;
        this.data = data;
    }

    /**
     * Opens and maps a file.
     *
     * @throws WeightException if it cannot be read or is not valid; the message names file, tensor, value and remedy
     */
    public static SafetensorsFile open(final Path file) {
        return open(file, Integer.MAX_VALUE);
    }

    /** As {@link #open(Path)}, with maps of at most {@code regionBytes}. */
    static SafetensorsFile open(final Path file, final int regionBytes) {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            final long size = channel.size();
            final int length = SafetensorsHeader.length(read(channel, 0,
                    (int) Math.min(size, SafetensorsHeader.LENGTH_BYTES)), size);
            final SafetensorsHeader header = SafetensorsHeader.parse(
                    read(channel, SafetensorsHeader.LENGTH_BYTES, length));
            final long dataStart = (long) SafetensorsHeader.LENGTH_BYTES + length;
            header.requireDataBytes(size - dataStart);
            return new SafetensorsFile(file.toString(), header, size, map(channel, header, dataStart, regionBytes));
        } catch (SafetensorsFormatException e) {
            throw new WeightException(file + ": " + e.getMessage() + DAMAGED, e);
        } catch (ClosedByInterruptException e) {
            throw cancellation(file, e);
        } catch (IOException e) {
            throw new WeightException(file + " cannot be read (" + e
                    + "); see that the file exists and that this user may read it", e);
        }
    }

    @Override
    public Set<String> names() {
        return header.entries().keySet();
    }

    @Override
    public Info info(final String name) {
        final SafetensorsHeader.Entry entry = entry(name);
        try {
            return new Info(entry.dtype(), entry.shape());
        } catch (SafetensorsFormatException e) {
            throw new WeightException(origin + ": " + e.getMessage()
                    + ". Use a checkpoint saved in a supported type, BF16 for instance", e);
        }
    }

    @Override
    public HostTensor tensor(final String name) {
        final Info info = info(name);
        final Map<String, List<ByteBuffer>> mapped = data;
        if (mapped == null) {
            throw new IllegalStateException(origin + " is closed; tensor " + name + " cannot be read any more");
        }
        final List<ByteBuffer> parts = mapped.get(name);
        if (parts == null) {
            throw new WeightException(origin + ": tensor " + name + " " + info.shape() + " of " + info.dtype() + " has "
                    + entry(name).bytes() + " bytes; a single row may have at most " + Integer.MAX_VALUE
                    + ". Use a checkpoint saved in a smaller type, BF16 for instance");
        }
        return parts.size() == 1 ? new HostTensor(info.shape(), info.dtype(), parts.getFirst().duplicate())
                : HostTensor.ofParts(parts.stream().map(part -> part(info, part)).toList());
    }

    /** The strings under {@code __metadata__}; empty if there are none. */
    public Map<String, String> metadata() {
        return header.metadata();
    }

    /** Size of the whole file in bytes. */
    public long fileBytes() {
        return fileBytes;
    }

    @Override
    public String origin() {
        return origin;
    }

    @Override
    public void close() {
        data = null;
    }

    private SafetensorsHeader.Entry entry(final String name) {
        final SafetensorsHeader.Entry entry = header.entries().get(name);
        if (entry == null) {
            throw new WeightException("tensor " + name + " is missing from " + origin
                    + "; the file is incomplete or belongs to another architecture");
        }
        return entry;
    }

    private static HostTensor part(final Info info, final ByteBuffer bytes) {
        final long[] extents = info.shape().toArray();
        final long rowElements = info.shape().elements() / extents[0];
        extents[0] = bytes.remaining() / (rowElements * info.dtype().bytes());
        return new HostTensor(Shape.of(extents), info.dtype(), bytes.duplicate());
    }

    private static byte[] read(final FileChannel channel, final long position, final int length) throws IOException {
        final ByteBuffer bytes = ByteBuffer.allocate(length);
        while (bytes.hasRemaining()) {
            if (channel.read(bytes, position + bytes.position()) < 0) {
                throw new EOFException("the file became shorter while it was read");
            }
        }
        return bytes.array();
    }

    /** Maps consecutive tensors together as long as they fit into one region, and larger tensors in parts. */
    private static Map<String, List<ByteBuffer>> map(final FileChannel channel, final SafetensorsHeader header,
            final long dataStart, final int regionBytes) throws IOException {
        final Map<String, List<ByteBuffer>> data = new HashMap<>();
        int from = 0;
        while (from < header.byOffset().size()) {
            final long begin = header.byOffset().get(from).begin();
            int to = from;
            while (to < header.byOffset().size() && header.byOffset().get(to).end() - begin <= regionBytes) {
                to++;
            }
            if (to == from) {
                final SafetensorsHeader.Entry large = header.byOffset().get(from);
                final List<ByteBuffer> parts = parts(channel, large, dataStart, regionBytes);
                if (!parts.isEmpty()) {
                    data.put(large.name(), parts);
                }
                from++;
                continue;
            }
            final long length = header.byOffset().get(to - 1).end() - begin;
            final ByteBuffer region = length == 0 ? NOTHING
                    : channel.map(FileChannel.MapMode.READ_ONLY, dataStart + begin, length);
            for (final SafetensorsHeader.Entry entry : header.byOffset().subList(from, to)) {
                data.put(entry.name(), List.of(region.slice((int) (entry.begin() - begin), (int) entry.bytes())));
            }
            from = to;
        }
        return Collections.unmodifiableMap(data);
    }

    /** A large tensor in regions of whole rows, none if not even one row fits. */
    private static List<ByteBuffer> parts(final FileChannel channel, final SafetensorsHeader.Entry entry,
            final long dataStart, final int regionBytes) throws IOException {
        final long rowBytes = entry.shape().rank() == 0 ? entry.bytes() : entry.bytes() / entry.shape().extent(0);
        final long fitting = regionBytes / rowBytes;
        final long rows = fitting > PART_ROW_UNIT ? fitting / PART_ROW_UNIT * PART_ROW_UNIT : fitting;
        final List<ByteBuffer> parts = new ArrayList<>();
        for (long begin = entry.begin(); rows > 0 && begin < entry.end(); begin += rows * rowBytes) {
            parts.add(channel.map(FileChannel.MapMode.READ_ONLY, dataStart + begin,
                    Math.min(rows * rowBytes, entry.end() - begin)));
        }
        return parts;
    }

    private static CancellationException cancellation(final Path file, final ClosedByInterruptException cause) {
        final CancellationException cancellation = new CancellationException("opening " + file + " was interrupted");
        cancellation.initCause(cause);
        return cancellation;
    }
}
