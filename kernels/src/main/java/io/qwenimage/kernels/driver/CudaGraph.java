package io.qwenimage.kernels.driver;

import java.util.List;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.JCudaDriver;

/**
 * Recorded work that is launched as a whole; see {@link CudaStream#capture}. It owns the memory that it used by itself.
 */
public final class CudaGraph implements AutoCloseable {
    private final CudaDevice device;
    private final DriverContext context;
    private final CUgraphExec handle;
    private final List<MemoryPool.Block> blocks;
    private final long nodes;
    private final String launches;
    private boolean closed;

    private CudaGraph(final CudaDevice device, final DriverContext context, final CUgraphExec handle,
                      final List<MemoryPool.Block> blocks, final long nodes, final String launches) {
        this.device = device;
        this.context = context;
        this.handle = handle;
        this.blocks = blocks;
        this.nodes = nodes;
        this.launches = launches;
    }

    static CudaGraph of(final CudaDevice device, final DriverContext context, final CUgraph graph, final int result,
                        final List<MemoryPool.Block> blocks, final String launches) {
        boolean complete = false;
        try {
            context.check(result, () -> "capturing" + launches);
            final long[] nodes = new long[1];
            context.check(JCudaDriver.cuGraphGetNodes(graph, null, nodes), () -> "counting a graph's nodes");
            final CUgraphExec handle = new CUgraphExec();
            context.check(JCudaDriver.cuGraphInstantiate(handle, graph, 0),
                    () -> "preparing a graph of " + nodes[0] + " nodes" + launches);
            complete = true;
            final CudaGraph captured = new CudaGraph(device, context, handle, blocks, nodes[0], launches);
            device.add(captured);
            return captured;
        } finally {
            if (result == 0) {
                JCudaDriver.cuGraphDestroy(graph);
            }
            if (!complete) {
                device.memory().releaseCaptured(blocks);
            }
        }
    }

    /** Number of its launches, copies and fills. */
    public long nodes() {
        return nodes;
    }

    /** Puts all its work on a stream. */
    public void launch(final CudaStream stream) {
        if (closed) {
            throw new IllegalStateException("graph of " + nodes + " nodes is closed");
        }
        context.enter();
        stream.launched(JCudaDriver.cuGraphLaunch(handle, stream.handle()),
                () -> "graph of " + nodes + " nodes" + launches);
    }

    /** Waits for the device, for the graph may still run, and gives back its memory. */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        device.remove(this);
        if (!context.isLost()) {
            device.synchronize();
            context.check(JCudaDriver.cuGraphExecDestroy(handle), () -> "closing a graph");
        }
        device.memory().releaseCaptured(blocks);
    }
}
