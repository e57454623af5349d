package io.qwenimage.ptx;

import io.qwenimage.ptx.memory.DeviceMemory;
import io.qwenimage.ptx.text.PtxModule;
import io.qwenimage.ptx.text.PtxOperand;
import io.qwenimage.ptx.text.PtxType;
import io.qwenimage.ptx.text.PtxVariable;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.IdentityHashMap;
import java.util.Map;

/** Places the global and constant variables of a module in device memory, with their initial values. */
final class ModuleVariables {
    private final PtxModule module;
    private final DeviceMemory memory;
    private final Map<PtxVariable, Long> addresses = new IdentityHashMap<>();

    ModuleVariables(final PtxModule module, final DeviceMemory memory) {
        this.module = module;
        this.memory = memory;
    }

    Map<PtxVariable, Long> place() {
        for (final PtxVariable variable : module.variables()) {
            final boolean constant = variable.space() == PtxVariable.Space.CONSTANT;
            if ((constant || variable.space() == PtxVariable.Space.GLOBAL) && !variable.external()) {
                // Without an initializer PTX's global variables are zero.
                addresses.put(variable, memory.place(new byte[variable.bytes()],
                    Math.max(variable.alignment(), DeviceMemory.ALIGNMENT), "variable " + variable.name(), constant));
            }
        }
        for (final PtxVariable variable : addresses.keySet()) {
            initialise(variable);
        }
        return addresses;
    }

    private void initialise(final PtxVariable variable) {
        final int width = variable.type().bytes();
        final byte[] content = new byte[Math.max(variable.bytes(), variable.initializer().size() * width)];
        final ByteBuffer buffer = ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < variable.initializer().size(); i++) {
            final long bits = bits(variable.initializer().get(i), variable.type());
            switch (width) {
                case 1 -> buffer.put(i, (byte) bits);
                case 2 -> buffer.putShort(i * 2, (short) bits);
                case 4 -> buffer.putInt(i * 4, (int) bits);
                default -> buffer.putLong(i * width, bits);
            }
        }
        memory.write(addresses.get(variable), content, 0, variable.bytes());
    }

    private long bits(final PtxOperand operand, final PtxType type) {
        if (operand instanceof PtxOperand.Literal literal) {
            if (type == PtxType.F32) {
                return Float.floatToRawIntBits((float) literal.asDouble());
            }
            return type == PtxType.F64 ? Double.doubleToRawLongBits(literal.asDouble()) : literal.bits();
        }
        final PtxOperand base = operand instanceof PtxOperand.Address address ? address.base() : operand;
        final long offset = operand instanceof PtxOperand.Address address ? address.offset() : 0;
        if (base instanceof PtxOperand.Name name) {
            final PtxVariable variable = module.scope().variable(name.name());
            if (variable != null && addresses.containsKey(variable)) {
                return addresses.get(variable) + offset;
            }
            if (variable == null && module.functions().containsKey(name.name())) {
                return module.codeAddress(name.name());
            }
        }
        throw new IllegalArgumentException("initial value " + operand + " is not known");
    }
}
