package io.qwenimage.ptx.instruction;

import io.qwenimage.ptx.execution.Warp;
import io.qwenimage.ptx.instruction.FunctionLayout.Bank;
import io.qwenimage.ptx.memory.MemoryRegion;
import io.qwenimage.ptx.text.PtxType;

/** Copies one element between memory and a register of one lane. */
abstract class ElementCopy {
    final int slot;
    final int offset;

    private ElementCopy(final int slot, final int offset) {
        this.slot = slot;
        this.offset = offset;
    }

    /** Copies; the access starts at the index of the region. */
    abstract void copy(Warp warp, MemoryRegion region, int index, int lane);

    /** Leaves a value in the register that shows when it is used. */
    abstract void spoil(Warp warp, int lane);

    /** From memory to a register, which may be wider: signed types are sign-extended to it. */
    static ElementCopy load(final PtxType type, final Bank bank, final int slot, final int offset,
                            final int registerBits) {
        if (type.bits() == 128) {
            return new LoadQuad(slot, offset);
        }
        final boolean signed = type.isSigned();
        final long keep = registerBits >= 64 ? -1 : (1L << registerBits) - 1;
        if (bank == Bank.LONG) {
            return new ElementCopy(slot, offset) {
                @Override
                void copy(final Warp warp, final MemoryRegion region, final int index, final int lane) {
                    warp.longs(slot)[lane] = value(region, index + offset, type.bits(), signed);
                }

                @Override
                void spoil(final Warp warp, final int lane) {
                    warp.longs(slot)[lane] = -1;
                }
            };
        }
        if (type.bits() == 32) {
            return new LoadInt(slot, offset);
        }
        return new ElementCopy(slot, offset) {
            @Override
            void copy(final Warp warp, final MemoryRegion region, final int index, final int lane) {
                warp.ints(slot)[lane] = (int) (value(region, index + offset, type.bits(), signed) & keep);
            }

            @Override
            void spoil(final Warp warp, final int lane) {
                warp.ints(slot)[lane] = (int) keep;
            }
        };
    }

    /** From a register to memory. */
    static ElementCopy store(final PtxType type, final Bank bank, final int slot, final int offset) {
        final int bits = type.bits();
        return new ElementCopy(slot, offset) {
            @Override
            void copy(final Warp warp, final MemoryRegion region, final int index, final int lane) {
                if (bits == 32 && bank == Bank.INT) {
                    region.putInt(index + offset, warp.ints(slot)[lane]);
                    return;
                }
                final long value = bank == Bank.INT ? warp.ints(slot)[lane] : warp.longs(slot)[lane];
                switch (bits) {
                    case 8 -> region.putByte(index + offset, (byte) value);
                    case 16 -> region.putShort(index + offset, (short) value);
                    case 32 -> region.putInt(index + offset, (int) value);
                    case 64 -> region.putLong(index + offset, value);
                    default -> {
                        region.putLong(index + offset, value);
                        region.putLong(index + offset + 8, warp.longs(slot + 1)[lane]);
                    }
                }
            }

            @Override
            void spoil(final Warp warp, final int lane) {
                throw new IllegalStateException("a store has no result");
            }
        };
    }

    private static long value(final MemoryRegion region, final int index, final int bits, final boolean signed) {
        return switch (bits) {
            case 8 -> signed ? region.getByte(index) : region.getByte(index) & 0xff;
            case 16 -> signed ? region.getShort(index) : region.getShort(index) & 0xffff;
            case 32 -> signed ? region.getInt(index) : region.getInt(index) & 0xffffffffL;
            default -> region.getLong(index);
        };
    }

    private static final class LoadInt extends ElementCopy {
        LoadInt(final int slot, final int offset) {
            super(slot, offset);
        }

        @Override
        void copy(final Warp warp, final MemoryRegion region, final int index, final int lane) {
            warp.ints(slot)[lane] = region.getInt(index + offset);
        }

        @Override
        void spoil(final Warp warp, final int lane) {
            warp.ints(slot)[lane] = -1;
        }
    }

    private static final class LoadQuad extends ElementCopy {
        LoadQuad(final int slot, final int offset) {
            super(slot, offset);
        }

        @Override
        void copy(final Warp warp, final MemoryRegion region, final int index, final int lane) {
            warp.longs(slot)[lane] = region.getLong(index + offset);
            warp.longs(slot + 1)[lane] = region.getLong(index + offset + 8);
        }

        @Override
        void spoil(final Warp warp, final int lane) {
            warp.longs(slot)[lane] = -1;
            warp.longs(slot + 1)[lane] = -1;
        }
    }
}
