package io.qwenimage.kernels.standin;

import com.sun.jna.Pointer;
import io.qwenimage.ptx.memory.MemoryRegion;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import jcuda.driver.CUresult;

/** Memory of the device and page-locked memory of the host: allocation, copies, fills. */
final class MemoryCalls {
    private final StandIn standIn;

    MemoryCalls(final StandIn standIn) {
        this.standIn = standIn;
    }

    Map<String, Call> calls() {
        final Map<String, Call> calls = new HashMap<>();
        calls.put("cuMemAlloc_v2", Call.of(this::allocate));
        calls.put("cuMemFree_v2", Call.of(this::free));
        calls.put("cuMemGetInfo_v2", Call.of(arguments -> {
            final PosedContext context = session().current();
            final long limit = Math.min(context.device().memoryBytes(), session().faults().memoryLimit());
            arguments.pointer(0).setLong(0, Math.max(limit - context.allocatedBytes(), 0));
            arguments.pointer(1).setLong(0, context.device().memoryBytes());
        }));
        calls.put("cuMemHostAlloc", Call.of(this::allocateHost));
        calls.put("cuMemAllocHost_v2", Call.of(this::allocateHost));
        calls.put("cuMemFreeHost", Call.of(this::freeHost));
        calls.put("cuMemcpyHtoD_v2", Call.of(arguments -> toDevice(arguments, 0, true)));
        calls.put("cuMemcpyDtoH_v2", Call.of(arguments -> toHost(arguments, 0, true)));
        calls.put("cuMemcpyHtoDAsync_v2", Call.of(arguments -> toDevice(arguments, arguments.word(3), false)));
        calls.put("cuMemcpyDtoHAsync_v2", Call.of(arguments -> toHost(arguments, arguments.word(3), false)));
        calls.put("cuMemcpyDtoDAsync_v2", Call.of(arguments -> withinDevice(arguments, arguments.word(3))));
        calls.put("cuMemcpyDtoD_v2", Call.of(arguments -> withinDevice(arguments, 0)));
        calls.put("cuMemsetD8Async", Call.of(arguments -> fill(arguments, Byte.BYTES, arguments.word(3))));
        calls.put("cuMemsetD16Async", Call.of(arguments -> fill(arguments, Short.BYTES, arguments.word(3))));
        calls.put("cuMemsetD32Async", Call.of(arguments -> fill(arguments, Integer.BYTES, arguments.word(3))));
        return calls;
    }

    private void allocate(final Arguments arguments) {
        final PosedContext context = session().current();
        final long bytes = arguments.word(1);
        if (bytes > 0 && context.allocatedBytes() + bytes > session().faults().memoryLimit()) {
            throw new Refusal(CUresult.CUDA_ERROR_OUT_OF_MEMORY, null);
        }
        arguments.pointer(0).setLong(0, context.allocate(bytes));
        session().books().allocated();
    }

    /** The driver waits for the device before it frees. */
    private void free(final Arguments arguments) {
        final PosedContext context = session().current();
        session().books().waited();
        context.drain();
        context.requireWhole();
        context.waitedForAll();
        if (arguments.word(0) != 0) {
            context.free(arguments.word(0));
        }
    }

    private void allocateHost(final Arguments arguments) {
        if (session().host().bytes() + arguments.word(1) > session().faults().pageLockedLimit()) {
            throw new Refusal(CUresult.CUDA_ERROR_OUT_OF_MEMORY, null);
        }
        arguments.pointer(0).setLong(0, session().host().allocate(arguments.word(1), session().current()));
    }

    private void freeHost(final Arguments arguments) {
        final PosedContext context = session().current();
        final long address = arguments.word(0);
        if (context.usesHost(address, session().host().size(address))) {
            session().find("page-locked memory is freed before a copy that uses it has run");
            context.drain();
        }
        session().host().free(address);
    }

    private void toDevice(final Arguments arguments, final long streamHandle, final boolean waits) {
        final PosedStream stream = session().stream(streamHandle);
        final long target = arguments.word(0);
        final Pointer source = arguments.pointer(1);
        final int bytes = requireRange(stream.context(), target, arguments.word(2));
        final boolean pageLocked = session().host().isPageLocked(Pointer.nativeValue(source), bytes);
        refusePageableInCapture(stream, pageLocked);
        // What is not page-locked is read before the call returns; what is, when the copy's turn comes.
        final byte[] staged = pageLocked && !waits ? null : source.getByteArray(0, bytes);
        stream.put(new HostCopy(pageLocked ? Pointer.nativeValue(source) : 0, new Access(target, bytes, true), () -> {
            final byte[] content = staged == null ? source.getByteArray(0, bytes) : staged;
            access(stream.context(), target, bytes, region -> {
                System.arraycopy(content, 0, region.bytes(), (int) (target - region.base()), bytes);
                region.markWritten((int) (target - region.base()), bytes);
            });
            session().books().copiedToDevice(bytes);
        }));
        if (waits) {
            finish(stream);
        }
    }

    private void toHost(final Arguments arguments, final long streamHandle, final boolean waits) {
        final PosedStream stream = session().stream(streamHandle);
        final Pointer target = arguments.pointer(0);
        final long source = arguments.word(1);
        final int bytes = requireRange(stream.context(), source, arguments.word(2));
        final boolean pageLocked = session().host().isPageLocked(Pointer.nativeValue(target), bytes);
        refusePageableInCapture(stream, pageLocked);
        stream.put(new HostCopy(pageLocked ? Pointer.nativeValue(target) : 0, new Access(source, bytes, false), () -> {
            access(stream.context(), source, bytes, region -> {
                final int offset = (int) (source - region.base());
                if (!region.isWritten(offset, bytes)) {
                    session().find("a copy of " + bytes
                            + " bytes to the host reads memory never written, the first at offset "
                            + firstUnwritten(region, offset, bytes));
                }
                target.write(0, region.bytes(), offset, bytes);
            });
            session().books().copiedToHost(bytes);
        }));
        if (waits || !pageLocked) {
            finish(stream);
        }
    }

    private static int firstUnwritten(final MemoryRegion region, final int offset, final int bytes) {
        int index = 0;
        while (index < bytes && region.isWritten(offset + index, 1)) {
            index++;
        }
        return index;
    }

    private void withinDevice(final Arguments arguments, final long streamHandle) {
        final PosedStream stream = session().stream(streamHandle);
        final long target = arguments.word(0);
        final long source = arguments.word(1);
        final int bytes = requireRange(stream.context(), target, arguments.word(2));
        requireRange(stream.context(), source, bytes);
        count(stream);
        final List<Access> accesses = List.of(new Access(source, bytes, false), new Access(target, bytes, true));
        stream.put(new OnDevice("copying", accesses, () -> {
            access(stream.context(), source, bytes, from -> access(stream.context(), target, bytes, to -> {
                final int first = (int) (source - from.base());
                final int offset = (int) (target - to.base());
                System.arraycopy(from.bytes(), first, to.bytes(), offset, bytes);
                // What was never written stays so in the copy.
                for (int index = 0; index < bytes; index++) {
                    if (from.isWritten(first + index, 1)) {
                        to.markWritten(offset + index, 1);
                    } else {
                        to.poison(offset + index, 1);
                    }
                }
            }));
        }));
    }

    private void fill(final Arguments arguments, final int width, final long streamHandle) {
        final PosedStream stream = session().stream(streamHandle);
        final long target = arguments.word(0);
        final long count = arguments.word(2);
        final int value = arguments.number(1);
        if (target % width != 0) {
            throw new Refusal(CUresult.CUDA_ERROR_INVALID_VALUE, "filling by " + width + " bytes from 0x"
                    + Long.toHexString(target));
        }
        final int bytes = requireRange(stream.context(), target, Math.multiplyExact(count, width));
        count(stream);
        stream.put(new OnDevice("filling", List.of(new Access(target, bytes, true)), () -> {
            access(stream.context(), target, bytes, region -> {
                final int offset = (int) (target - region.base());
                if (width == 1) {
                    Arrays.fill(region.bytes(), offset, offset + bytes, (byte) value);
                } else {
                    for (int index = 0; index < bytes; index++) {
                        region.bytes()[offset + index] = (byte) (value >> 8 * (index % width));
                    }
                }
                region.markWritten(offset, bytes);
            });
        }));
    }

    private void refusePageableInCapture(final PosedStream stream, final boolean pageLocked) {
        if (stream.isCapturing() && !pageLocked) {
            stream.refuseInCapture("copying host memory that is not page-locked on");
        }
    }

    private void count(final PosedStream stream) {
        if (!stream.isCapturing()) {
            session().books().copied();
        }
    }

    private void finish(final PosedStream stream) {
        session().books().waited();
        stream.drain();
        stream.context().requireWhole();
        stream.context().races().waited(stream.clock());
    }

    /** Checks a range when it is named. */
    private int requireRange(final PosedContext context, final long address, final long bytes) {
        if (!context.holds(address, bytes) || bytes < 0 || bytes > Integer.MAX_VALUE) {
            throw new Refusal(CUresult.CUDA_ERROR_INVALID_VALUE, bytes + " bytes at 0x" + Long.toHexString(address)
                    + (context.holds(address, 1) ? " leave their allocation" : ", which "
                    + session().ownerOf(address)));
        }
        return (int) bytes;
    }

    /** Checks a range once more when its turn comes, for it may have been freed meanwhile. */
    private void access(final PosedContext context, final long address, final int bytes,
                        final Consumer<MemoryRegion> action) {
        if (!context.holds(address, bytes)) {
            session().find("a copy of " + bytes + " bytes comes to 0x" + Long.toHexString(address) + ", which "
                    + session().ownerOf(address));
            context.breakBy(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS);
            return;
        }
        action.accept(context.memory().range(address, bytes));
    }

    private Session session() {
        return standIn.session();
    }

    /** A copy that touches host memory; address 0 if it was staged. */
    private record HostCopy(long hostAddress, Access device, Runnable copy) implements Work {
        @Override
        public boolean run() {
            copy.run();
            return true;
        }

        @Override
        public boolean uses(final long address, final long length) {
            return hostAddress != 0 && hostAddress < address + length && address < hostAddress + device.bytes();
        }

        @Override
        public List<Access> accesses() {
            return List.of(device);
        }

        @Override
        public String toString() {
            return "copying " + device.bytes() + " bytes to the " + (device.writes() ? "device" : "host");
        }
    }

    /** A copy within the device, or a fill. */
    private record OnDevice(String action, List<Access> accesses, Runnable work) implements Work {
        @Override
        public boolean run() {
            work.run();
            return true;
        }

        @Override
        public String toString() {
            return action + " " + accesses.getFirst().bytes() + " bytes of the device";
        }
    }
}
