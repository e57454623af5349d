package io.qwenimage.backend.cuda;

import io.qwenimage.backend.Activation;
import io.qwenimage.backend.RotaryTable;
import io.qwenimage.kernels.RotaryPairs;
import io.qwenimage.kernels.driver.ElementType;
import io.qwenimage.tensor.DType;

/** What kernels call the things that backends name. */
final class KernelNames {
    private KernelNames() {
    }

    /** A non-linearity. */
    static io.qwenimage.kernels.Activation of(final Activation activation) {
        return switch (activation) {
            case NONE -> io.qwenimage.kernels.Activation.NONE;
            case SILU -> io.qwenimage.kernels.Activation.SILU;
            case GELU -> io.qwenimage.kernels.Activation.GELU;
            case GELU_TANH -> io.qwenimage.kernels.Activation.GELU_TANH;
            case QUICK_GELU -> io.qwenimage.kernels.Activation.QUICK_GELU;
        };
    }

    /** Which elements of a head are rotated together. */
    static RotaryPairs of(final RotaryTable.Pairs pairs) {
        return switch (pairs) {
            case NEIGHBOURS -> RotaryPairs.NEIGHBOURS;
            case HALVES -> RotaryPairs.HALVES;
        };
    }

    /** An element type. */
    static ElementType of(final DType dtype) {
        return switch (dtype) {
            case F32 -> ElementType.F32;
            case F16 -> ElementType.F16;
            case BF16 -> ElementType.BF16;
            case F8_E4M3 -> ElementType.F8_E4M3;
            case I64 -> ElementType.I64;
            case I32 -> ElementType.I32;
            case U8 -> ElementType.U8;
        };
    }
}
