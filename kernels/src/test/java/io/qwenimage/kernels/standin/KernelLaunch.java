package io.qwenimage.kernels.standin;

import io.qwenimage.ptx.inspection.Finding;
import io.qwenimage.ptx.inspection.FindingKind;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import jcuda.driver.CUresult;

/** A kernel that waits for its turn. */
final class KernelLaunch implements Work {
    private final Session session;
    private final KernelMachine machine;
    private final PosedFunction function;
    private final int[] grid;
    private final int[] block;
    private final int[] cluster;
    private final int dynamicSharedBytes;
    private final byte[] parameters;

    KernelLaunch(final Session session, final KernelMachine machine, final PosedFunction function, final int[] grid,
                 final int[] block, final int[] cluster, final int dynamicSharedBytes, final byte[] parameters) {
        this.session = session;
        this.machine = machine;
        this.function = function;
        this.grid = grid;
        this.block = block;
        this.cluster = cluster;
        this.dynamicSharedBytes = dynamicSharedBytes;
        this.parameters = parameters;
    }

    PosedFunction function() {
        return function;
    }

    int[] grid() {
        return grid.clone();
    }

    int[] block() {
        return block.clone();
    }

    int[] cluster() {
        return cluster.clone();
    }

    int dynamicSharedBytes() {
        return dynamicSharedBytes;
    }

    /** Every launch has another schedule, the same in every run of a test. */
    long seed() {
        return session.seed() * 31 + session.books().kernels();
    }

    byte[] parameters() {
        return parameters.clone();
    }

    @Override
    public boolean run() {
        final PosedContext context = function.module().context();
        if (session.faults().nextLaunchHangs()) {
            return false;
        }
        final int fault = session.faults().nextLaunch();
        if (fault != 0) {
            context.breakBy(fault);
            return true;
        }
        session.books().ranKernel();
        final KernelRun run = machine.run(this);
        session.ran(run);
        for (final Finding finding : run.findings()) {
            session.find(finding.toString());
        }
        final int error = errorOf(run.findings());
        if (error != 0) {
            context.breakBy(error);
        }
        return true;
    }

    /** Where its arguments point, up to the end of each allocation; what of it is written only its run shows. */
    @Override
    public List<Access> accesses() {
        final PosedContext context = function.module().context();
        final List<Access> accesses = new ArrayList<>();
        final ByteBuffer words = ByteBuffer.wrap(parameters).order(ByteOrder.LITTLE_ENDIAN);
        while (words.remaining() >= Long.BYTES) {
            final long address = words.getLong();
            final long bytes = context.bytesFrom(address);
            if (bytes > 0) {
                accesses.add(new Access(address, bytes, false));
            }
        }
        return accesses;
    }

    @Override
    public String toString() {
        return function.kernel().name() + ", grid " + LaunchCalls.triple(grid) + ", block " + LaunchCalls.triple(block)
                + ", " + dynamicSharedBytes + " bytes of dynamic shared memory";
    }

    /** What a device would report for what the inspector found; much of what it finds a device does not notice. */
    private static int errorOf(final List<Finding> findings) {
        for (final Finding finding : findings) {
            final int error = errorOf(finding.kind());
            if (error != 0) {
                return error;
            }
        }
        return 0;
    }

    private static int errorOf(final FindingKind kind) {
        return switch (kind) {
            case OUT_OF_BOUNDS, USE_AFTER_FREE, READ_ONLY -> CUresult.CUDA_ERROR_ILLEGAL_ADDRESS;
            case MISALIGNED -> CUresult.CUDA_ERROR_MISALIGNED_ADDRESS;
            case INVALID_OPERAND -> CUresult.CUDA_ERROR_ILLEGAL_INSTRUCTION;
            case TRAP -> CUresult.CUDA_ERROR_LAUNCH_FAILED;
            case DEADLOCK -> CUresult.CUDA_ERROR_LAUNCH_TIMEOUT;
            default -> 0;
        };
    }
}
