package io.qwenimage.backend.cuda;

import io.qwenimage.backend.Arena;
import io.qwenimage.backend.LayerPlan;
import io.qwenimage.backend.OwnedMemory;
import io.qwenimage.backend.ResourceExhaustedException;
import io.qwenimage.backend.StreamedLayers;
import io.qwenimage.kernels.driver.CudaEvent;
import io.qwenimage.kernels.driver.CudaException;
import io.qwenimage.kernels.driver.CudaStream;
import io.qwenimage.kernels.driver.DeviceLostException;
import io.qwenimage.kernels.driver.PinnedBuffer;
import io.qwenimage.tensor.DType;
import io.qwenimage.tensor.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import jcuda.driver.CUresult;

/**
 * Layers that take turns in a few slots of the device's memory. Each is prepared once, in the slot that it will use,
 * and kept in page-locked host memory as it was prepared, so that a turn costs one copy and its tensors never move.
 *
 * <p>Copies run on a stream of their own. Two kinds of events order them with the work that reads the slots: a copy
 * waits until the slot's last reader is done, a reader until the copy is. Every pass begins with a copy for each slot
 * and leaves none to the next, so that one that is called off leaves nothing to mend, and one that is recorded as a
 * graph is whole.
 */
final class RotatingLayers implements StreamedLayers {
    private final CudaBackend backend;
    private final CudaStream stream;
    private final CudaArena arena;
    private final LayerPlan plan;
    private final Attachments attachments;
    private final CudaStream copies;
    private final CudaEvent begun;
    private final List<WeightSlot> slots = new ArrayList<>();
    private final List<PinnedBuffer> images = new ArrayList<>();

    /** What is not memory of the arena, and goes with it. */
    private static final class Attachments extends OwnedMemory {
        private final CudaBackend backend;
        private final List<Runnable> ends = new ArrayList<>();

        Attachments(final CudaBackend backend, final CudaStream stream) {
            this.backend = backend;
            // Page-locked memory must not go while it is copied from or to.
            ends.add(() -> unlessLost(stream::synchronize));
        }

        /** Closes a resource with the arena, after those that were attached before. */
        <T> T attach(final T resource, final Consumer<T> close) {
            ends.add(() -> unlessLost(() -> close.accept(resource)));
            return resource;
        }

        @Override
        protected void release() {
            synchronized (backend) {
                try {
                    endAll(ends);
                } catch (final RuntimeException e) {
                    throw CudaFaults.told(e, backend);
                }
            }
        }

        private static void unlessLost(final Runnable end) {
            try {
                end.run();
            } catch (final DeviceLostException e) {
                // What it held is gone with it. The device remembers the loss and tells it whoever uses it next.
                return;
            }
        }
    }

    /** Layers whose weights and slots belong to an arena. */
    RotatingLayers(final CudaBackend backend, final CudaStream stream, final CudaArena arena, final LayerPlan plan) {
        this.backend = backend;
        this.stream = stream;
        this.arena = arena;
        this.plan = plan;
        attachments = new Attachments(backend, stream);
        arena.ownToo(attachments);
        copies = attachments.attach(stream.device().openStream(), CudaStream::close);
        begun = openEvent();
        for (int slot = 0; slot < Math.min(plan.slots(), plan.streamed()); slot++) {
            slots.add(new WeightSlot(arena.allocate(DType.U8, Shape.of(plan.slotBytes()), true), openEvent(),
                    openEvent()));
            // Gaps between weights are copied with them.
            stream.fill(slots.getLast().buffer(), (byte) 0);
        }
    }

    private CudaEvent openEvent() {
        return attachments.attach(stream.device().openOrderingEvent(), CudaEvent::close);
    }

    @Override
    public <T> T load(final int layer, final Function<Arena, T> loader) {
        if (!plan.isStreamed(layer)) {
            return loader.apply(arena);
        }
        if (images.size() != plan.streamedUpTo(layer)) {
            throw new IllegalStateException("layer " + layer + " is loaded when " + images.size()
                    + " streamed ones are; layers are loaded in their order");
        }
        final WeightSlot slot = slot(images.size());
        slot.clear();
        try (CudaArena place = arena.openFor(slot, "weights of streamed layer " + layer)) {
            final T loaded = loader.apply(place);
            keep(slot);
            return loaded;
        }
    }

    private void keep(final WeightSlot slot) {
        synchronized (backend) {
            images.add(attachments.attach(pageLocked(slot.placedBytes()), PinnedBuffer::close));
            stream.download(slot.buffer(), 0, images.getLast(), 0, slot.placedBytes());
        }
    }

    private PinnedBuffer pageLocked(final long bytes) {
        try {
            return stream.device().allocatePinned(bytes);
        } catch (final CudaException e) {
            if (e.code() != CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
                throw e;
            }
            throw new ResourceExhaustedException(bytes + " bytes of page-locked host memory were asked for layer "
                    + (images.size() + 1) + " of " + plan.streamed() + " that are streamed, but the host gives no "
                    + "more: " + plan.streamed() * bytes + " are needed in all. More memory of the host, a higher "
                    + "limit of the container or a larger memory budget of the device, which streams fewer layers, "
                    + "helps", e);
        }
    }

    private WeightSlot slot(final int order) {
        return slots.get(order % slots.size());
    }

    @Override
    public Pass begin() {
        if (images.size() != plan.streamed()) {
            throw new IllegalStateException(images.size() + " of " + plan.streamed() + " streamed layers are loaded");
        }
        backend.passes().lock();
        final Turns pass = new Turns();
        try {
            pass.start();
            return pass;
        } catch (RuntimeException | Error e) {
            // What is asked of the device next comes after the copies that have begun.
            try (pass) {
                throw e;
            }
        }
    }

    /** One pass; streamed layers are counted in their order. */
    private final class Turns implements Pass {
        private int asked;
        private int next;
        private boolean reading;
        private boolean closed;

        void start() {
            synchronized (backend) {
                begun.record(stream);
                copies.await(begun);
                while (asked < slots.size()) {
                    copyNext();
                }
            }
        }

        @Override
        public void layer(final int index) {
            synchronized (backend) {
                release();
                final int order = plan.streamedUpTo(index);
                if (order < next) {
                    throw new IllegalStateException("layer " + index + " is asked for after its turn");
                }
                while (next < order) {
                    read();
                    release();
                }
                if (plan.isStreamed(index)) {
                    read();
                }
            }
        }

        private void read() {
            stream.await(slot(next).copied());
            next++;
            reading = true;
        }

        /** The last layer has been read: its slot is free for the next layer that wants it. */
        private void release() {
            if (!reading) {
                return;
            }
            reading = false;
            if (asked < plan.streamed()) {
                final WeightSlot slot = slot(next - 1);
                slot.released().record(stream);
                copies.await(slot.released());
                copyNext();
            }
        }

        private void copyNext() {
            final WeightSlot slot = slot(asked);
            final PinnedBuffer image = images.get(asked);
            copies.upload(image, 0, slot.buffer(), 0, image.size());
            slot.copied().record(copies);
            asked++;
        }

        /** Whatever is asked of the device later comes after all copies. */
        @Override
        public void close() {
            if (closed) {
                return;
            }
            closed = true;
            try {
                synchronized (backend) {
                    if (next < asked) {
                        stream.await(slot(asked - 1).copied());
                    }
                }
            } finally {
                backend.passes().unlock();
            }
        }
    }
}
