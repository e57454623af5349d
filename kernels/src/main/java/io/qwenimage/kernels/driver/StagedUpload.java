package io.qwenimage.kernels.driver;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * Uploads host memory of any size, such as a mapped file, through page-locked pieces: while the device copies one, the
 * host fills the next, and reading the file and crossing the bus overlap. It belongs to one stream and one thread.
 */
public final class StagedUpload implements AutoCloseable {
    private final CudaStream stream;
    private final List<Piece> pieces = new ArrayList<>();
    private int next;

    /** Page-locked memory, and the end of the last copy out of it. */
    private record Piece(PinnedBuffer memory, CudaEvent copied) {
    }

    /**
     * @param stream that the copies are put on
     * @param pieceBytes size of a piece; 16 MiB keep a bus of PCIe 5 busy
     * @param count of pieces; two let host and device work at the same time
     */
    public StagedUpload(final CudaStream stream, final int pieceBytes, final int count) {
        if (pieceBytes < 1 || count < 1) {
            throw new IllegalArgumentException(count + " pieces of " + pieceBytes + " bytes; at least one of one is "
                    + "needed");
        }
        this.stream = stream;
        try {
            for (int piece = 0; piece < count; piece++) {
                pieces.add(new Piece(stream.device().allocatePinned(pieceBytes), stream.device().openEvent()));
            }
        } catch (final RuntimeException e) {
            close();
            throw e;
        }
    }

    /**
     * Copies into a buffer. The source may be changed as soon as this returns; the last pieces may still be on their
     * way, in the stream's order.
     *
     * @param source from its position to its limit, neither of which changes
     * @param target takes the bytes from the offset on
     */
    public void upload(final ByteBuffer source, final DeviceBuffer target, final long targetOffset) {
        if (targetOffset < 0 || targetOffset + source.remaining() > target.bytes()) {
            throw new IllegalArgumentException("upload of " + source.remaining() + " bytes at offset " + targetOffset
                    + " of " + target);
        }
        final ByteBuffer rest = source.duplicate();
        final int end = rest.limit();
        while (rest.position() < end) {
            final Piece piece = pieces.get(next);
            next = (next + 1) % pieces.size();
            piece.copied.synchronize();
            final int first = rest.position();
            final int bytes = Math.min(piece.memory.size(), end - first);
            piece.memory.bytes().put(rest.limit(first + bytes));
            rest.limit(end);
            stream.upload(piece.memory, 0, target, targetOffset + first - source.position(), bytes);
            piece.copied.record(stream);
        }
    }

    /** Waits for the copies and frees the page-locked memory. */
    @Override
    public void close() {
        for (final Piece piece : pieces) {
            if (!stream.device().isLost()) {
                piece.copied.synchronize();
            }
            piece.copied.close();
            piece.memory.close();
        }
        pieces.clear();
    }
}
