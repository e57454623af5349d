package io.qwenimage.ptx.execution;

import java.util.HashMap;
import java.util.Map;

/** The special registers, with how a warp's lanes see them. */
public enum SpecialRegister {
    TID_X("%tid.x", 32, (warp, lane) -> warp.threadIndex(lane, 0)),
    TID_Y("%tid.y", 32, (warp, lane) -> warp.threadIndex(lane, 1)),
    TID_Z("%tid.z", 32, (warp, lane) -> warp.threadIndex(lane, 2)),
    NTID_X("%ntid.x", 32, (warp, lane) -> warp.launch().block()[0]),
    NTID_Y("%ntid.y", 32, (warp, lane) -> warp.launch().block()[1]),
    NTID_Z("%ntid.z", 32, (warp, lane) -> warp.launch().block()[2]),
    CTAID_X("%ctaid.x", 32, (warp, lane) -> warp.block().index(0)),
    CTAID_Y("%ctaid.y", 32, (warp, lane) -> warp.block().index(1)),
    CTAID_Z("%ctaid.z", 32, (warp, lane) -> warp.block().index(2)),
    NCTAID_X("%nctaid.x", 32, (warp, lane) -> warp.launch().grid()[0]),
    NCTAID_Y("%nctaid.y", 32, (warp, lane) -> warp.launch().grid()[1]),
    NCTAID_Z("%nctaid.z", 32, (warp, lane) -> warp.launch().grid()[2]),
    LANEID("%laneid", 32, (warp, lane) -> lane),
    WARPID("%warpid", 32, (warp, lane) -> warp.index()),
    NWARPID("%nwarpid", 32, (warp, lane) -> 64),
    WARP_SZ("WARP_SZ", 32, (warp, lane) -> 32),
    SMID("%smid", 32, (warp, lane) -> warp.block().linearIndex() % SpecialRegister.MULTIPROCESSORS),
    NSMID("%nsmid", 32, (warp, lane) -> SpecialRegister.MULTIPROCESSORS),
    GRIDID("%gridid", 64, (warp, lane) -> 1),
    LANEMASK_EQ("%lanemask_eq", 32, (warp, lane) -> 1 << lane),
    LANEMASK_LE("%lanemask_le", 32, (warp, lane) -> -1 >>> 31 - lane),
    LANEMASK_LT("%lanemask_lt", 32, (warp, lane) -> (1 << lane) - 1),
    LANEMASK_GE("%lanemask_ge", 32, (warp, lane) -> -1 << lane),
    LANEMASK_GT("%lanemask_gt", 32, (warp, lane) -> -1 << lane & ~(1 << lane)),
    CLUSTERID_X("%clusterid.x", 32, (warp, lane) -> warp.block().clusterIndex(0)),
    CLUSTERID_Y("%clusterid.y", 32, (warp, lane) -> warp.block().clusterIndex(1)),
    CLUSTERID_Z("%clusterid.z", 32, (warp, lane) -> warp.block().clusterIndex(2)),
    NCLUSTERID_X("%nclusterid.x", 32, (warp, lane) -> warp.launch().clusters(0)),
    NCLUSTERID_Y("%nclusterid.y", 32, (warp, lane) -> warp.launch().clusters(1)),
    NCLUSTERID_Z("%nclusterid.z", 32, (warp, lane) -> warp.launch().clusters(2)),
    CLUSTER_CTAID_X("%cluster_ctaid.x", 32, (warp, lane) -> warp.block().indexInCluster(0)),
    CLUSTER_CTAID_Y("%cluster_ctaid.y", 32, (warp, lane) -> warp.block().indexInCluster(1)),
    CLUSTER_CTAID_Z("%cluster_ctaid.z", 32, (warp, lane) -> warp.block().indexInCluster(2)),
    CLUSTER_NCTAID_X("%cluster_nctaid.x", 32, (warp, lane) -> warp.launch().cluster()[0]),
    CLUSTER_NCTAID_Y("%cluster_nctaid.y", 32, (warp, lane) -> warp.launch().cluster()[1]),
    CLUSTER_NCTAID_Z("%cluster_nctaid.z", 32, (warp, lane) -> warp.launch().cluster()[2]),
    CLUSTER_CTARANK("%cluster_ctarank", 32, (warp, lane) -> warp.block().rank()),
    CLUSTER_NCTARANK("%cluster_nctarank", 32, (warp, lane) -> warp.launch().blocksPerCluster()),
    DYNAMIC_SMEM_SIZE("%dynamic_smem_size", 32, (warp, lane) -> warp.launch().dynamicSharedBytes()),
    TOTAL_SMEM_SIZE("%total_smem_size", 32, (warp, lane) -> warp.block().shared().size()),
    AGGR_SMEM_SIZE("%aggr_smem_size", 32, (warp, lane) -> warp.block().shared().size()),
    CURRENT_GRAPH_EXEC("%current_graph_exec", 64, (warp, lane) -> 0),
    CLOCK("%clock", 32, (warp, lane) -> (int) warp.cycles(), true),
    CLOCK_HI("%clock_hi", 32, (warp, lane) -> (int) (warp.cycles() >>> 32), true),
    CLOCK64("%clock64", 64, (warp, lane) -> warp.cycles(), true),
    GLOBALTIMER("%globaltimer", 64, (warp, lane) -> warp.cycles(), true),
    GLOBALTIMER_LO("%globaltimer_lo", 32, (warp, lane) -> (int) warp.cycles(), true),
    GLOBALTIMER_HI("%globaltimer_hi", 32, (warp, lane) -> (int) (warp.cycles() >>> 32), true);

    /** As many as an H100 (SXM) has. */
    private static final int MULTIPROCESSORS = 132;
    private static final Map<String, SpecialRegister> BY_NAME = byName();

    private final String text;
    private final int bits;
    private final Reader reader;
    private final boolean changing;

    SpecialRegister(final String text, final int bits, final Reader reader) {
        this(text, bits, reader, false);
    }

    SpecialRegister(final String text, final int bits, final Reader reader, final boolean changing) {
        this.text = text;
        this.bits = bits;
        this.reader = reader;
        this.changing = changing;
    }

    /** The special register of that name, or null. */
    public static SpecialRegister named(final String name) {
        return BY_NAME.get(name);
    }

    public int bits() {
        return bits;
    }

    /** Whether it changes while a kernel runs. */
    public boolean isChanging() {
        return changing;
    }

    long value(final Warp warp, final int lane) {
        return reader.value(warp, lane);
    }

    @Override
    public String toString() {
        return text;
    }

    private static Map<String, SpecialRegister> byName() {
        final Map<String, SpecialRegister> names = new HashMap<>();
        for (final SpecialRegister register : values()) {
            names.put(register.text, register);
        }
        return Map.copyOf(names);
    }

    /** How a lane sees a special register. */
    @FunctionalInterface
    private interface Reader {
        long value(Warp warp, int lane);
    }
}
