package io.qwenimage.ptx.tensor;

import io.qwenimage.ptx.execution.ClusterRun;
import io.qwenimage.ptx.execution.Warp;
import io.qwenimage.ptx.inspection.FindingKind;
import io.qwenimage.ptx.memory.MemoryRegion;
import io.qwenimage.ptx.memory.Space;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * The tensor maps that a cluster uses. One that a kernel wrote to global memory by itself is visible to copies only
 * after a {@code fence.proxy.tensormap} that acquires it.
 */
final class TensorMaps {
    private final Set<Long> unacquired = new HashSet<>();
    private final Map<Long, Decoded> decoded = new HashMap<>();

    private TensorMaps() {
    }

    static TensorMaps of(final ClusterRun cluster) {
        return cluster.attachments().get(TensorMaps.class, TensorMaps::new);
    }

    /** The kernel has written a map. */
    void written(final long address) {
        unacquired.add(address);
    }

    /** A fence makes a map visible. */
    void acquired(final long address) {
        unacquired.remove(address);
    }

    /** The map at a generic address; null after a finding. */
    TensorMap find(final Warp warp, final int lane, final long address) {
        if ((address & TensorMap.ALIGNMENT - 1) != 0) {
            warp.report(FindingKind.MISALIGNED, lane, "tensor map address 0x" + Long.toHexString(address)
                + " is not a multiple of " + TensorMap.ALIGNMENT);
            return SharedPlace.trap(warp);
        }
        if (!warp.memory().locate(Space.GENERIC, address, 1, lane)) {
            return SharedPlace.trap(warp);
        }
        final MemoryRegion region = warp.memory().region();
        final int index = warp.memory().index();
        if (index > region.size() - TensorMap.BYTES || warp.memory().sharedOwner() != null) {
            warp.report(FindingKind.OUT_OF_BOUNDS, lane, "no tensor map lies at address 0x"
                + Long.toHexString(address));
            return SharedPlace.trap(warp);
        }
        if (unacquired.contains(address)) {
            warp.report(FindingKind.PROXY_FENCE_MISSING, lane, "the tensor map at address 0x"
                + Long.toHexString(address)
                + " was written by this kernel, and no fence.proxy.tensormap has acquired it");
        }
        try {
            return decode(region, index, address);
        } catch (final IllegalArgumentException breach) {
            warp.report(FindingKind.INVALID_OPERAND, lane, breach.getMessage());
            return SharedPlace.trap(warp);
        }
    }

    private TensorMap decode(final MemoryRegion region, final int index, final long address) {
        final byte[] content = Arrays.copyOfRange(region.bytes(), index, index + TensorMap.BYTES);
        final Decoded known = decoded.get(address);
        if (known != null && Arrays.equals(known.content(), content)) {
            return known.map();
        }
        final TensorMap map = TensorMap.decode(content, 0);
        decoded.put(address, new Decoded(content, map));
        return map;
    }

    private record Decoded(byte[] content, TensorMap map) {
    }
}
