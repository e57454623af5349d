package io.qwenimage.ptx.tensor;

import io.qwenimage.ptx.counting.InstructionClass;
import io.qwenimage.ptx.instruction.InstructionRegistry;
import io.qwenimage.ptx.instruction.InstructionSource;
import io.qwenimage.ptx.instruction.Operation;

/** Decodes proxy fences, and what else Hopper added to the control of warps. */
final class ProxyInstructions {
    private static final int STEP = 8;

    private ProxyInstructions() {
    }

    static void register(final InstructionRegistry registry) {
        registry.add("fence.proxy.async", ProxyInstructions::fenceAsync);
        registry.add("fence.proxy.async::generic", ProxyInstructions::fenceAsyncGeneric);
        registry.add("fence.proxy.alias", source -> (warp, mask) -> { });
        registry.add("fence.mbarrier_init", ProxyInstructions::fenceInitialisation);
        registry.add("griddepcontrol", ProxyInstructions::dependentLaunch);
        registry.add("setmaxnreg", ProxyInstructions::setRegisters);
    }

    /** What happened before is ordered before what the asynchronous proxy is told to do from now on. */
    private static Operation fenceAsync(final InstructionSource source) {
        source.classify(InstructionClass.BARRIER);
        source.modifiers().ignore("global", "shared::cta", "shared::cluster");
        source.requireOperands(0, 0);
        return (warp, mask) -> {
            warp.clock().fenceProxy();
            warp.clock().tick(warp.participant());
        };
    }

    /** Of one direction, for clusters; ordering the other as well harms nobody. */
    private static Operation fenceAsyncGeneric(final InstructionSource source) {
        if (source.modifiers().takeAny("acquire", "release") == null) {
            throw source.unsupported("the fence wants .acquire or .release");
        }
        source.modifiers().takePrefixed("sync_restrict::");
        source.require("cluster");
        return fenceAsync(source);
    }

    private static Operation fenceInitialisation(final InstructionSource source) {
        source.require("release");
        source.require("cluster");
        return (warp, mask) -> { };
    }

    /** Launches are synchronous: the grid before has always ended. */
    private static Operation dependentLaunch(final InstructionSource source) {
        if (source.modifiers().takeAny("wait", "launch_dependents") == null) {
            throw source.unsupported("griddepcontrol wants .wait or .launch_dependents");
        }
        return (warp, mask) -> { };
    }

    private static Operation setRegisters(final InstructionSource source) {
        final String way = source.modifiers().takeAny("inc", "dec");
        source.require("u32");
        final int count = TensorMapInstructions.immediate(source, 0);
        if (way == null || count < 24 || count > 256 || count % STEP != 0) {
            throw source.unsupported("setmaxnreg wants .inc or .dec and a multiple of 8 from 24 to 256");
        }
        return WarpgroupInstructions.warpWide(source, way.equals("inc")
            ? (warp, mask) -> RegisterBudget.of(warp.block()).increase(warp, count)
            : (warp, mask) -> RegisterBudget.of(warp.block()).decrease(warp, count));
    }
}
